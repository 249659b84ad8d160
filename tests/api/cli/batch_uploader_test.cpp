#include "api/cli/batch_uploader.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/http/server.h"

namespace orthant {
namespace {

// A daemon that answers what the test wants it to.
class FakeDaemon {
 public:
  using Answer = std::function<Response(const std::string& body)>;

  explicit FakeDaemon(Answer answer)
      : answer_(std::move(answer)), server_(HttpServer::start({}, [this](Request& request) { return handle(request); }).value()) {}

  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  std::string last_path() {
    const std::lock_guard lock(mutex_);
    return path_;
  }

 private:
  Awaitable<Response> handle(Request& request) {
    auto body = co_await read_whole_body(*request.body, 1 << 20);
    {
      const std::lock_guard lock(mutex_);
      path_ = request.path;
    }
    co_return answer_(body.value());
  }

  Answer answer_;
  std::mutex mutex_;
  std::string path_;
  std::unique_ptr<HttpServer> server_;
};

DocumentBatch batch_of(std::vector<std::uint64_t> lines) {
  DocumentBatch batch;
  for (const std::uint64_t line : lines) batch.append({PointId::number(line), "text", "{}"}, line);
  return batch;
}

Response answer_with(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response accepted(std::size_t count) {
  return answer_with(fmt::format(R"({{"result": {{"accepted": {}, "truncated": 1, "errors": []}}, "status": "ok"}})", count));
}

TEST(DocumentBatch, IsNdjsonWithUuidsAndNumbers) {
  DocumentBatch batch;
  batch.append({PointId::number(18446744073709551615u), "a \"b\"\n", R"({"x":1})"}, 3);
  batch.append({*PointId::parse_uuid("550E8400-e29b-41d4-a716-446655440000"), "c", "{}"}, 9);
  EXPECT_EQ(batch.body,
            "{\"id\":18446744073709551615,\"text\":\"a \\\"b\\\"\\n\",\"payload\":{\"x\":1}}\n"
            "{\"id\":\"550e8400-e29b-41d4-a716-446655440000\",\"text\":\"c\",\"payload\":{}}\n");
  EXPECT_EQ(batch.line_numbers, (std::vector<std::uint64_t>{3, 9}));
  EXPECT_EQ(batch.last_line, 9u);
}

TEST(BatchUploader, AnswersInTheOrderOfBatches) {
  std::atomic<int> requests = 0;
  FakeDaemon daemon([&](const std::string&) { return accepted(static_cast<std::size_t>(++requests > 0 ? 2 : 0)); });
  auto uploader = BatchUploader::create(daemon.url(), "a b", 3).value();
  std::vector<std::uint64_t> last_lines;
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto answer = uploader.send(batch_of({10 * i, 10 * i + 1})).value();
    EXPECT_EQ(answer.has_value(), i >= 3);
    if (answer) last_lines.push_back(answer->last_line);
  }
  while (const auto answer = uploader.wait().value()) {
    last_lines.push_back(answer->last_line);
    EXPECT_EQ(answer->accepted, 2u);
    EXPECT_EQ(answer->truncated, 1u);
  }
  EXPECT_EQ(last_lines, (std::vector<std::uint64_t>{1, 11, 21, 31, 41, 51, 61, 71, 81, 91}));
  EXPECT_EQ(requests, 10);
  EXPECT_EQ(daemon.last_path(), "/collections/a%20b/documents");
}

TEST(BatchUploader, NamesRefusedLinesByTheirPlaceInTheInput) {
  FakeDaemon daemon([](const std::string&) {
    return answer_with(R"({"result": {"accepted": 1, "errors": [{"line": 2, "reason": "too odd"}]}, "status": "ok"})");
  });
  auto uploader = BatchUploader::create(daemon.url(), "c", 1).value();
  ASSERT_TRUE(uploader.send(batch_of({17, 40})).has_value());
  const auto answer = uploader.wait().value().value();
  ASSERT_EQ(answer.refused.size(), 1u);
  EXPECT_EQ(answer.refused[0].line_number, 40u);
  EXPECT_EQ(answer.refused[0].reason, "too odd");
}

TEST(BatchUploader, AsksAgainWhenTheDaemonIsFull) {
  std::atomic<int> requests = 0;
  FakeDaemon daemon([&](const std::string&) {
    if (++requests < 3) return answer_with(R"({"status": {"error": "Rate limiting exceeded: full"}})", 429);
    return accepted(1);
  });
  auto uploader = BatchUploader::create(daemon.url(), "c", 1).value();
  ASSERT_TRUE(uploader.send(batch_of({1})).has_value());
  EXPECT_EQ(uploader.wait().value().value().accepted, 1u);
  EXPECT_EQ(requests, 3);
}

TEST(BatchUploader, PassesOnWhatTheDaemonRefuses) {
  FakeDaemon daemon(
      [](const std::string&) { return answer_with(R"({"status": {"error": "Not found: Collection `c` doesn't exist!"}})", 404); });
  auto uploader = BatchUploader::create(daemon.url(), "c", 1).value();
  ASSERT_TRUE(uploader.send(batch_of({1})).has_value());
  const auto answer = uploader.wait();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(answer.error().message, "Not found: Collection `c` doesn't exist!");
}

TEST(BatchUploader, RefusesAnAnswerThatMakesNoSense) {
  for (const char* body :
       {"", "[]", R"({"result": {}})", R"({"result": {"accepted": 1, "errors": [{"line": 5, "reason": "x"}]}})"}) {
    FakeDaemon daemon([&](const std::string&) { return answer_with(body); });
    auto uploader = BatchUploader::create(daemon.url(), "c", 1).value();
    ASSERT_TRUE(uploader.send(batch_of({1})).has_value());
    EXPECT_FALSE(uploader.wait().has_value()) << body;
  }
}

}  // namespace
}  // namespace orthant
