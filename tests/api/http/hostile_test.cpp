// Clients that mean harm, or are broken: nothing they send may take more than its share, or disturb others.

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "api/http/client.h"
#include "api/http/content_coding.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"
#include "base/thread_pool.h"
#include "tests/api/http/raw_connection.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;

Response plain_error(const Error& error) {
  return text_response(400, error.message);
}

class HostileClientTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(HttpServerOptions options) {
    server_.reset();
    Router router;
    router.add({Method::kPost, "/echo",
                [](Request& request) -> Awaitable<Response> { co_return text_response(200, std::move(request.content)); },
                plain_error});
    router.add(
        {Method::kGet, "/hello", [](Request&) -> Awaitable<Response> { co_return text_response(200, "hello"); }, plain_error});
    router.add({Method::kGet, "/large",
                [](Request&) -> Awaitable<Response> { co_return text_response(200, std::string(60'000, 'z')); }, plain_error});
    DispatcherOptions dispatching;
    dispatching.max_body_bytes = std::size_t{1} << 20;
    dispatching.pool = [this] { return &pool_; };
    dispatcher_ = std::make_unique<Dispatcher>(std::move(router), dispatching);
    server_ = HttpServer::start(options, [this](Request& request) { return dispatcher_->handle(request); }).value();
  }
  HttpClient client() { return HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value(); }
  void expect_service() { EXPECT_EQ(client().send("GET", "/hello").value().body, "hello"); }

  ThreadPool pool_{"test", 2, 100};
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
};

// Every byte of `text` may be changed, doubled, cut away, or the rest cut off.
std::string mutated(std::string text, std::mt19937_64& random) {
  static constexpr std::string_view kSpice("\r\n:; \0\xff%{}[]\"\\-09azAZ\t", 22);
  for (std::size_t changes = 1 + random() % 6; changes > 0 && !text.empty(); --changes) {
    const std::size_t at = random() % text.size();
    switch (random() % 6) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text[at] = kSpice[random() % kSpice.size()]; break;
      case 2: text.erase(at, 1 + random() % 8); break;
      case 3: text.insert(at, 1 + random() % 4, kSpice[random() % kSpice.size()]); break;
      case 4: text.insert(at, text.substr(at, random() % 32)); break;
      default: text.resize(at + 1);
    }
  }
  return text;
}

TEST_F(HostileClientTest, BrokenRequestsGetAnAnswerOrAnEnd) {
  std::mt19937_64 random(test::random_seed());
  const std::string whole[] = {
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nX-Request-Id: abc\r\n\r\nhello world",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08z",
      "GET /a/../hello%20/%2e%2e?x=1&y=%41#z HTTP/1.1\r\nHost: x\r\nOrigin: y\r\nAccept-Encoding: gzip;q=0, zstd\r\nRange: "
      "bytes=0-\r\n\r\n",
  };
  for (int i = 0; i < 400; ++i) {
    const std::string request = mutated(whole[random() % std::size(whole)], random);
    RawConnection raw(server_->port());
    raw.send(request);
    raw.finish_sending();
    const std::string answer = raw.read_to_end(10s);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << testing::PrintToString(request) << answer;
    EXPECT_FALSE(answer.starts_with("HTTP/1.1 5")) << testing::PrintToString(request) << answer;
  }
  expect_service();
}

TEST_F(HostileClientTest, ReadsRequestsThatComeByteByByte) {
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz";
  RawConnection raw(server_->port());
  for (const char byte : request) ASSERT_TRUE(raw.send({&byte, 1}));
  const std::string answers = raw.read_to_end();
  EXPECT_TRUE(answers.contains("\r\n\r\nabcde"));
  EXPECT_TRUE(answers.ends_with("\r\n\r\nxyz"));
}

TEST_F(HostileClientTest, GivesUpHeadersThatDripIn) {
  HttpServerOptions options;
  options.header_timeout = 300ms;
  start(options);
  RawConnection raw(server_->port());
  const std::string header = "GET /hello HTTP/1.1\r\nX: " + std::string(10'000, 'y');
  std::size_t sent = 0;
  while (sent < header.size() && raw.send(std::string_view(header).substr(sent, 1))) {
    ++sent;
    std::this_thread::sleep_for(10ms);
    if (raw.closed_within(1ms)) break;
  }
  EXPECT_LT(sent, 2'000U);
  expect_service();
}

TEST_F(HostileClientTest, ClosesConnectionsWhoseAnswersNobodyReads) {
  HttpServerOptions options;
  options.write_timeout = 300ms;
  start(options);
  RawConnection raw(server_->port());
  std::string requests;
  for (int i = 0; i < 1'000; ++i) requests += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  raw.send(requests);
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (server_->connection_count() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(20ms);
  EXPECT_EQ(server_->connection_count(), 0U);
  expect_service();
}

// The server reads no further than it answers: what a client sends ahead waits in the sockets, not in memory.
TEST_F(HostileClientTest, PushesBackOnEndlessPipelines) {
  RawConnection raw(server_->port());
  const std::string request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += request;
  raw.set_blocking(false);
  std::size_t sent = 0;
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (sent < std::size_t{200} << 20 && std::chrono::steady_clock::now() < end) {
    const std::size_t count = raw.send_some(many);
    sent += count;
    if (count == 0) std::this_thread::sleep_for(50ms);
  }
  EXPECT_LT(sent, std::size_t{40} << 20) << "requests are taken though no answer is read";
  expect_service();
}

TEST_F(HostileClientTest, StopsBombsAtTheLimit) {
  const std::string zeros(std::size_t{1} << 20, '\0');
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    // A thousand members (frames) of 1 MiB in about 1 MB or less: one body of 1 GiB.
    const std::string member = compress(coding, zeros).value();
    std::string bomb;
    while (bomb.size() + member.size() < 900'000) bomb += member;
    const HttpHeaderList headers = {{"Content-Encoding", std::string(content_coding_name(coding))}};
    const HttpReply reply = client().send("POST", "/echo", bomb, "text/plain", headers).value();
    EXPECT_EQ(reply.status, 400);
    EXPECT_TRUE(reply.body.contains("larger than allowed (limit: 1048576 bytes)")) << reply.body;
    const HttpReply just = client().send("POST", "/echo", member, "text/plain", headers).value();
    EXPECT_EQ(just.status, 200);
    EXPECT_EQ(just.body.size(), zeros.size());
    for (const std::size_t cut : {std::size_t{1}, member.size() / 2, member.size() - 1}) {
      EXPECT_EQ(client().send("POST", "/echo", member.substr(0, cut), "text/plain", headers).value().status, 400) << cut;
    }
  }
  expect_service();
}

TEST_F(HostileClientTest, ANoticedLengthTakesNoMemory) {
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::vector<std::unique_ptr<RawConnection>> liars;
  for (int i = 0; i < 100; ++i) {
    liars.push_back(std::make_unique<RawConnection>(server_->port()));
    liars.back()->send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx");
  }
  expect_service();
  const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  if (before == 0) GTEST_SKIP() << "the allocator tells no figures";
  EXPECT_LT(after, before + (std::size_t{20} << 20)) << "100 MB were announced";
}

// Beside this many here, bench/http_bench opens 10,000.
TEST_F(HostileClientTest, IdleConnectionsTakeLittleMemory) {
  constexpr std::size_t kConnections = 400;
  const auto open = [&] {
    auto raw = std::make_unique<RawConnection>(server_->port());
    raw->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(raw->read_until("hello").starts_with("HTTP/1.1 200"));
    return raw;
  };
  open();
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (std::size_t i = 0; i < kConnections; ++i) idle.push_back(open());
  std::this_thread::sleep_for(400ms);  // their buffers are given back at the next look at them
  const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  EXPECT_GE(server_->connection_count(), kConnections);
  expect_service();
  if (before == 0) GTEST_SKIP() << "the allocator tells no figures";
  EXPECT_LT((after - before) / kConnections, 6'000U) << "bytes for each idle connection";
}

TEST_F(HostileClientTest, HalfOfABodyIsNoBody) {
  for (const char* request : {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
                              "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
                              "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    RawConnection raw(server_->port());
    raw.send(request);
    raw.finish_sending();
    const std::string answer = raw.read_to_end();
    EXPECT_FALSE(answer.starts_with("HTTP/1.1 200")) << request;
  }
  expect_service();
}

}  // namespace
}  // namespace orthant
