#include "api/http/server.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/dispatcher.h"
#include "base/thread_pool.h"
#include "tests/api/http/raw_connection.h"

namespace orthant {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;

Response plain_error(const Error& error) {
  return text_response(400, error.message);
}

// Routes that show what arrives: echo, a slow one that waits to be cancelled or released, one that reads its stream slowly.
class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override { release_ = true; }

  void start(HttpServerOptions options, DispatcherOptions dispatching = {}) {
    server_.reset();
    Router router;
    router.add({Method::kPost, "/echo", echo, plain_error});
    router.add(
        {Method::kGet, "/hello", [](Request&) -> Awaitable<Response> { co_return text_response(200, "hello"); }, plain_error});
    router.add({Method::kGet, "/slow", [this](Request& request) { return wait_for_release(request); }, plain_error});
    router.add({Method::kPost, "/stream", count_stream, plain_error, BodyUse::kStream});
    router.add({Method::kPost, "/early", [](Request&) -> Awaitable<Response> { co_return text_response(409, "no"); }, plain_error,
                BodyUse::kStream});
    router.add({Method::kGet, "/throw", [](Request&) -> Awaitable<Response> { throw std::runtime_error("oops"); }, plain_error});
    router.add({Method::kGet, "/large",
                [](Request&) -> Awaitable<Response> { co_return text_response(200, std::string(200'000, 'z')); }, plain_error});
    dispatching.pool = [this] { return &pool_; };
    dispatcher_ = std::make_unique<Dispatcher>(std::move(router), dispatching);
    options.host = "127.0.0.1";
    server_ = HttpServer::start(options, [this](Request& request) { return dispatcher_->handle(request); }).value();
  }

  static Awaitable<Response> echo(Request& request) { co_return text_response(200, std::move(request.content)); }

  static Awaitable<Response> count_stream(Request& request) {
    std::size_t total = 0;
    std::array<char, 1000> piece;
    while (true) {
      const Result<std::size_t> count = co_await request.body->read_some(piece);
      if (!count) co_return text_response(400, count.error().message);
      if (*count == 0) break;
      total += *count;
    }
    co_return text_response(200, std::to_string(total));
  }

  Awaitable<Response> wait_for_release(Request& request) {
    std::string end = co_await await_done<std::string>([&](Completion<std::string> done) {
      waiting_ = true;
      waiter_ = std::jthread([this, cancelled = request.cancelled, done = std::move(done)]() mutable {
        while (!release_ && !*cancelled) std::this_thread::sleep_for(5ms);
        saw_cancel_ = cancelled->load();
        done(saw_cancel_ ? "cancelled" : "released");
      });
    });
    co_return text_response(200, end);
  }

  HttpClient client() { return HttpClient::create("http://127.0.0.1:" + std::to_string(server_->port())).value(); }
  bool eventually(const std::atomic<bool>& flag, std::chrono::milliseconds patience = 5s) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!flag && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    return flag;
  }

  ThreadPool pool_{"test", 2, 100};
  std::atomic<bool> release_{false};
  std::atomic<bool> waiting_{false};
  std::atomic<bool> saw_cancel_{false};
  std::jthread waiter_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersManyRequestsOnOneConnection) {
  HttpClient one = client();
  for (int i = 0; i < 100; ++i) {
    const HttpReply reply = one.send("POST", "/echo", "body " + std::to_string(i)).value();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "body " + std::to_string(i));
  }
  EXPECT_EQ(server_->connection_count(), 1);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  RawConnection raw(server_->port());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" + std::to_string(100 + i);
  requests += "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ASSERT_TRUE(raw.send(requests));
  const std::string answers = raw.read_to_end();
  std::size_t position = 0;
  for (int i = 0; i < 50; ++i) {
    position = answers.find("\r\n\r\n" + std::to_string(100 + i), position);
    ASSERT_NE(position, std::string::npos) << i;
  }
  EXPECT_NE(answers.find("hello", position), std::string::npos);
}

TEST_F(HttpServerTest, ReadsChunkedBodiesWithExtensionsAndTrailers) {
  RawConnection raw(server_->port());
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  raw.send("5;a=b\r\nhello\r\n");
  raw.send("1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n");
  EXPECT_TRUE(raw.read_to_end().ends_with("hello world"));
}

TEST_F(HttpServerTest, RefusesInvalidChunkingWithoutHarmToOthers) {
  for (const char* body :
       {"zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "-5\r\nhello\r\n", "ffffffffffffffffff\r\nhello\r\n"}) {
    RawConnection raw(server_->port());
    raw.send(std::string("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") + body);
    EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 400")) << body;
  }
  EXPECT_EQ(client().send("GET", "/hello").value().body, "hello");
}

TEST_F(HttpServerTest, RefusesAmbiguousBodyLengths) {
  for (const char* lengths : {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 3\r\nContent-Length: 4\r\n",
                              "Content-Length: x\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: other\r\n"}) {
    RawConnection raw(server_->port());
    raw.send(std::string("POST /echo HTTP/1.1\r\nHost: x\r\n") + lengths + "\r\nabc");
    EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 400")) << lengths;
  }
}

TEST_F(HttpServerTest, AsksForTheBodyOnlyWhenItIsWanted) {
  RawConnection wanted(server_->port());
  wanted.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(wanted.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 Continue"));
  wanted.send("hello");
  EXPECT_TRUE(wanted.read_to_end().ends_with("hello"));
  RawConnection refused(server_->port());
  refused.send("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(refused.read_until("\r\n\r\n").starts_with("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutBodyAndOptionsWithCors) {
  RawConnection raw(server_->port());
  raw.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = raw.read_to_end();
  EXPECT_TRUE(head.contains("Content-Length: 5"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  HttpClient one = client();
  const HttpReply options = one.send("OPTIONS", "/echo", {}, "", {{"Origin", "http://page"}}).value();
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("access-control-allow-origin"), "*");
  const HttpReply plain = one.send("GET", "/hello", {}, "", {{"Origin", "http://page"}}).value();
  EXPECT_EQ(plain.header("access-control-allow-origin"), "*");
}

TEST_F(HttpServerTest, AnswersUnknownPathsAndMethods) {
  HttpClient one = client();
  EXPECT_EQ(one.send("GET", "/nothing").value().status, 404);
  const HttpReply wrong_method = one.send("DELETE", "/hello").value();
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_EQ(wrong_method.header("Allow"), "GET");
}

TEST_F(HttpServerTest, TurnsAThrowingHandlerIntoAnAnswer) {
  EXPECT_EQ(client().send("GET", "/throw").value().body, "oops");
}

TEST_F(HttpServerTest, RefusesBodiesAboveTheLimitAndStillAnswers) {
  DispatcherOptions dispatching;
  dispatching.max_body_bytes = 100'000;
  start({}, dispatching);
  HttpClient one = client();
  EXPECT_EQ(one.send("POST", "/echo", std::string(100'000, 'x')).value().status, 200);
  const HttpReply refused = one.send("POST", "/echo", std::string(20'000'000, 'x')).value();
  EXPECT_EQ(refused.status, 400);
  EXPECT_TRUE(refused.body.contains("larger than allowed"));
  EXPECT_EQ(one.send("GET", "/hello").value().status, 200);
}

TEST_F(HttpServerTest, RefusesHugeHeaders) {
  RawConnection raw(server_->port());
  raw.send("GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(100'000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 431"));
  RawConnection endless(server_->port());
  std::string many = "GET /hello HTTP/1.1\r\n";
  for (int i = 0; i < 5'000; ++i) many += "H" + std::to_string(i) + ": value\r\n";
  endless.send(many);
  EXPECT_TRUE(endless.read_until("\r\n\r\n").starts_with("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  for (const char* bytes :
       {"\x16\x03\x01\x02 tls hello\r\n\r\n", "GET\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n", "GET /he%zz HTTP/1.1\r\n\r\n"}) {
    RawConnection raw(server_->port());
    raw.send(bytes);
    EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 400")) << bytes;
  }
}

TEST_F(HttpServerTest, ClosesSlowHeadersSlowBodiesAndIdleConnections) {
  HttpServerOptions options;
  options.idle_timeout = 300ms;
  options.header_timeout = 300ms;
  options.read_timeout = 300ms;
  start(options);
  RawConnection idle(server_->port());
  RawConnection slow_header(server_->port());
  RawConnection slow_body(server_->port());
  slow_header.send("GET /hello HT");
  slow_body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(slow_header.read_until("\r\n\r\n", 3s).starts_with("HTTP/1.1 408"));
  EXPECT_TRUE(slow_body.read_until("\r\n\r\n", 3s).contains("\r\n\r\n"));
  EXPECT_TRUE(idle.closed_within(3s));
  // A drip of bytes does not extend the time of a header.
  RawConnection drip(server_->port());
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 5s && drip.send("x")) {
    std::this_thread::sleep_for(50ms);
    if (drip.closed_within(1ms)) break;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 4s);
}

TEST_F(HttpServerTest, AnswersAClientThatHasFinishedSending) {
  RawConnection raw(server_->port());
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  raw.finish_sending();
  EXPECT_TRUE(raw.read_to_end().ends_with("hi"));
}

TEST_F(HttpServerTest, TellsTheHandlerWhenTheClientIsReset) {
  RawConnection raw(server_->port());
  raw.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually(waiting_));
  raw.reset();
  EXPECT_TRUE(eventually(saw_cancel_));
}

TEST_F(HttpServerTest, TellsTheHandlerSomeTimeAfterTheClientClosed) {
  HttpServerOptions options;
  options.half_closed_grace = 300ms;
  start(options);
  RawConnection raw(server_->port());
  raw.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\n\r\n");  // bytes that were never read hide no end
  ASSERT_TRUE(eventually(waiting_));
  raw.close();
  EXPECT_TRUE(eventually(saw_cancel_));
}

TEST_F(HttpServerTest, StreamsAnUploadToTheHandler) {
  HttpClient one = client();
  int left = 200;
  const HttpReply reply =
      one.upload("POST", "/stream", [&]() -> Result<std::string> { return left-- > 0 ? std::string(5'000, 'a') : std::string(); })
          .value();
  EXPECT_EQ(reply.body, "1000000");
}

TEST_F(HttpServerTest, AnswersAnUploadBeforeItsEnd) {
  HttpClient one = client();
  std::size_t sent = 0;
  const HttpReply reply = one.upload("POST", "/early",
                                     [&]() -> Result<std::string> {
                                       sent += 100'000;
                                       return std::string(100'000, 'a');
                                     })
                              .value();
  EXPECT_EQ(reply.status, 409);
  EXPECT_LT(sent, std::size_t{60} << 20);
  EXPECT_EQ(one.send("GET", "/hello").value().status, 200);
}

TEST_F(HttpServerTest, LosesOnlyTheBodyOfAClientThatLeft) {
  RawConnection raw(server_->port());
  raw.send("POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  raw.reset();
  EXPECT_EQ(client().send("GET", "/hello").value().status, 200);
}

TEST_F(HttpServerTest, CompressesLargeAnswersWhereAccepted) {
  HttpClient one = client();
  EXPECT_EQ(one.send("GET", "/large").value().body.size(), 200'000);
  const HttpReply packed = one.send("GET", "/large", {}, "", {{"Accept-Encoding", "gzip"}}).value();
  EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
  EXPECT_LT(packed.body.size(), 10'000);
  EXPECT_EQ(one.send("GET", "/hello", {}, "", {{"Accept-Encoding", "gzip"}}).value().header("Content-Encoding"), "");
}

TEST_F(HttpServerTest, RefusesConnectionsAboveTheLimit) {
  HttpServerOptions options;
  options.max_connections = 2;
  start(options);
  HttpClient one = client();
  HttpClient two = client();
  ASSERT_EQ(one.send("GET", "/hello").value().status, 200);
  ASSERT_EQ(two.send("GET", "/hello").value().status, 200);
  EXPECT_EQ(client().send("GET", "/hello").value().status, 503);
  EXPECT_EQ(one.send("GET", "/hello").value().status, 200);
}

TEST_F(HttpServerTest, FinishesRunningRequestsWhenStopped) {
  std::jthread slow_client([&] { EXPECT_EQ(client().send("GET", "/slow").value().body, "released"); });
  ASSERT_TRUE(eventually(waiting_));
  RawConnection idle(server_->port());
  std::jthread releaser([&] {
    std::this_thread::sleep_for(200ms);
    release_ = true;
  });
  server_->stop(5s);
  EXPECT_FALSE(saw_cancel_);
  EXPECT_TRUE(idle.closed_within(1s));
  EXPECT_FALSE(RawConnection(server_->port()).connected());
}

TEST_F(HttpServerTest, CancelsRequestsThatOutliveTheGraceOfAStop) {
  RawConnection slow(server_->port());
  slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually(waiting_));
  RawConnection uploading(server_->port());
  uploading.send("POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  std::this_thread::sleep_for(50ms);
  const auto began = std::chrono::steady_clock::now();
  server_->stop(200ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 4s);
  EXPECT_TRUE(saw_cancel_);
  EXPECT_TRUE(uploading.read_to_end().contains("the server is stopping"));
}

TEST_F(HttpServerTest, NamesAnAddressThatCannotBeBound) {
  HttpServerOptions options;
  options.port = server_->port();
  const auto second = HttpServer::start(options, [](Request&) -> Awaitable<Response> { co_return text_response(200, ""); });
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().message.contains(std::to_string(server_->port())));
}

}  // namespace
}  // namespace orthant
