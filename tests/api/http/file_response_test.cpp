#include "api/http/file_response.h"

#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"
#include "base/thread_pool.h"
#include "base/whole_file.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

TEST(ByteRanges, AreReadAsTheRfcSays) {
  const auto part = [](std::string_view header, std::uint64_t first, std::uint64_t count) {
    const RangeChoice choice = choose_range(header, 100);
    EXPECT_EQ(choice.kind, RangeKind::kPart) << header;
    EXPECT_EQ(choice.range.first, first) << header;
    EXPECT_EQ(choice.range.count, count) << header;
  };
  part("bytes=0-0", 0, 1);
  part("bytes=10-19", 10, 10);
  part("bytes=90-", 90, 10);
  part("bytes=90-1000000", 90, 10);
  part("bytes=-5", 95, 5);
  part("bytes=-500", 0, 100);
  for (const char* whole : {"", "bytes", "bytes=a-b", "bytes=5-4", "bytes=0-1,4-5", "lines=0-1", "bytes=", "bytes=-x"}) {
    EXPECT_EQ(choose_range(whole, 100).kind, RangeKind::kWhole) << whole;
  }
  for (const char* none : {"bytes=100-", "bytes=200-300", "bytes=-0"}) {
    EXPECT_EQ(choose_range(none, 100).kind, RangeKind::kUnsatisfiable) << none;
  }
  EXPECT_EQ(choose_range("bytes=-1", 0).kind, RangeKind::kUnsatisfiable);
}

class FileResponse : public testing::Test {
 protected:
  FileResponse() {
    for (std::size_t i = 0; i < 700'000; ++i) content_.push_back(static_cast<char>(i * 31 % 251));
    EXPECT_TRUE(write_whole_file(directory_.path() / "file", content_).has_value());
    Router router;
    const auto refuse = [](const Error& error) { return text_response(404, error.message); };
    const auto serve = [this, refuse](Request& request) -> Awaitable<Response> {
      Result<Response> answer = file_response(request, directory_.path() / request.path_value("name"), "a \"name\"", "tag", pool_);
      co_return answer ? std::move(*answer) : refuse(answer.error());
    };
    router.add({Method::kGet, "/{name}", serve, refuse});
    dispatcher_ = std::make_unique<Dispatcher>(std::move(router), DispatcherOptions{});
    HttpServerOptions options;
    server_ = HttpServer::start(options, [this](Request& request) { return dispatcher_->handle(request); }).value();
    client_.emplace(HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value());
  }

  test::TemporaryDirectory directory_;
  std::string content_;
  ThreadPool pool_{"files", 1, 16};
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
  std::optional<HttpClient> client_;
};

TEST_F(FileResponse, GivesTheWholeFileAndKeepsTheConnection) {
  for (int i = 0; i < 2; ++i) {
    const HttpReply reply = client_->send("GET", "/file").value();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, content_);
    EXPECT_EQ(reply.header("content-length"), std::to_string(content_.size()));
    EXPECT_EQ(reply.header("accept-ranges"), "bytes");
    EXPECT_EQ(reply.header("etag"), "\"tag\"");
    EXPECT_EQ(reply.header("content-disposition"), "attachment; filename=\"a _name_\"");
  }
  const HttpReply head = client_->send("HEAD", "/file").value();
  EXPECT_EQ(head.header("content-length"), std::to_string(content_.size()));
  EXPECT_EQ(client_->send("GET", "/none").value().status, 404);
}

TEST_F(FileResponse, GivesRangesAndRefusesThoseBehindTheEnd) {
  const HttpReply middle = client_->send("GET", "/file", {}, {}, {{"Range", "bytes=1000-400999"}}).value();
  EXPECT_EQ(middle.status, 206);
  EXPECT_EQ(middle.body, content_.substr(1000, 400'000));
  EXPECT_EQ(middle.header("content-range"), "bytes 1000-400999/700000");
  EXPECT_EQ(client_->send("GET", "/file", {}, {}, {{"Range", "bytes=-7"}}).value().body, content_.substr(content_.size() - 7));
  const HttpReply behind = client_->send("GET", "/file", {}, {}, {{"Range", "bytes=700000-"}}).value();
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.header("content-range"), "bytes */700000");
  const HttpReply changed = client_->send("GET", "/file", {}, {}, {{"Range", "bytes=1-2"}, {"If-Range", "\"other\""}}).value();
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.body.size(), content_.size());
  EXPECT_EQ(client_->send("GET", "/file", {}, {}, {{"Range", "bytes=1-2"}, {"If-Range", "\"tag\""}}).value().status, 206);
}

TEST_F(FileResponse, ClientsTakeItPieceByPieceAndErrorsWhole) {
  std::string taken;
  const auto take = [&](std::string_view piece) -> Status {
    taken += piece;
    return {};
  };
  EXPECT_EQ(client_->download("/file", take).value().status, 200);
  EXPECT_EQ(taken, content_);
  const HttpReply missing = client_->download("/none", take).value();
  EXPECT_EQ(missing.status, 404);
  EXPECT_FALSE(missing.body.empty());
  const auto refuse = [](std::string_view) -> Status { return io_error("full"); };
  EXPECT_EQ(client_->download("/file", refuse).error().message, "full");
}

}  // namespace
}  // namespace orthant
