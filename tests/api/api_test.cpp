// The whole road over a socket: server, dispatcher, dialects, a real engine in a temporary directory.

#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/api_context.h"
#include "api/http/client.h"
#include "api/http/content_coding.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"
#include "api/json/json_reader.h"
#include "api/routes.h"
#include "tests/api/http/raw_connection.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::RawConnection;

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    // Loading a model takes most of such a test's time: only those that encode text ask for it.
    context_.settings.models = {"none"};
    context_.settings.data_dir = directory_.path() / "data";
    context_.settings.max_body_bytes = std::size_t{4} << 20;
    DispatcherOptions dispatching;
    dispatching.max_body_bytes = context_.settings.max_body_bytes;
    dispatching.pool = [this]() -> ThreadPool* { return engine_ ? &engine_->request_pool() : nullptr; };
    dispatcher_ = std::make_unique<Dispatcher>(make_router(context_), dispatching);
    context_.dispatcher = dispatcher_.get();
    server_ = HttpServer::start({}, [this](Request& request) { return dispatcher_->handle(request); }).value();
    client_ = std::make_unique<HttpClient>(HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value());
  }
  void TearDown() override {
    if (server_) server_->stop(std::chrono::seconds(5));
  }
  void publish_engine() {
    auto engine = Engine::open(context_.settings);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
    context_.engine = engine_.get();
  }

  HttpReply call(std::string_view method, std::string_view target, std::string_view body = {}, const HttpHeaderList& headers = {}) {
    auto reply = client_->send(method, target, body, "application/json", headers);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(HttpReply());
  }
  // The raw "result" of an answer that must be a success.
  std::string result(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    const auto document = JsonDocument::parse(reply.body);
    EXPECT_TRUE(document) << reply.body;
    const auto value = document ? document->root().find_or_null("result") : std::nullopt;
    EXPECT_TRUE(value) << reply.body;
    return value ? std::string(value->raw()) : std::string();
  }
  void make_collection(std::string_view body = R"({"vectors":{"size":2,"distance":"Dot"}})") {
    publish_engine();
    EXPECT_EQ(result(call("PUT", "/collections/c", body)), "true");
  }
  std::string count() { return result(call("POST", "/collections/c/points/count", "{}")); }
  static std::string lines(std::size_t first, std::size_t last) {
    std::string text;
    for (std::size_t i = first; i <= last; ++i)
      text += R"({"id":)" + std::to_string(i) + R"(,"vector":[1,)" + std::to_string(i) + "]}\n";
    return text;
  }

  test::TemporaryDirectory directory_;
  ApiContext context_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ApiTest, AnswersWhileTheEngineIsLoading) {
  EXPECT_EQ(call("GET", "/healthz").body, "healthz check passed");
  EXPECT_EQ(call("GET", "/livez").status, 200);
  EXPECT_EQ(call("GET", "/readyz").status, 503);
  EXPECT_EQ(call("GET", "/collections").status, 503);
  EXPECT_EQ(call("POST", "/v1/embeddings", "{}").status, 503);
  EXPECT_EQ(call("GET", "/metrics").status, 200);
  EXPECT_TRUE(call("GET", "/").body.contains(R"("version":"1.19.)"));
  publish_engine();
  EXPECT_EQ(call("GET", "/readyz").body, "all shards are ready");
  EXPECT_EQ(result(call("GET", "/collections")), R"({"collections":[]})");
}

TEST_F(ApiTest, WritesReadsAndSearchesPoints) {
  make_collection();
  const HttpReply written = call("PUT", "/collections/c/points?wait=true",
                                 R"({"points":[{"id":1,"vector":[0.19,1],"payload":{"big":9223372036854775807}},
                                               {"id":"98a9a4b14ef246fb8315a97d874fe1d7","vector":[1,0.5]}]})");
  EXPECT_TRUE(result(written).ends_with(R"("status":"completed"})"));
  const std::string hits =
      result(call("POST", "/collections/c/points/query", R"({"query":[1,0],"with_payload":true,"with_vector":true})"));
  EXPECT_TRUE(
      hits.contains(R"({"id":"98a9a4b1-4ef2-46fb-8315-a97d874fe1d7","version":1,"score":1.0,"payload":{},"vector":[1.0,0.5]})"))
      << hits;
  EXPECT_TRUE(hits.contains(R"("score":0.19,"payload":{"big":9223372036854775807},"vector":[0.19,1.0])")) << hits;
  const std::string older = result(call("POST", "/collections/c/points/search", R"({"vector":[1,0],"limit":1})"));
  EXPECT_TRUE(older.starts_with(R"([{"id":"98a9a4b1)")) << older;
  EXPECT_TRUE(result(call("GET", "/collections/c/points/1")).starts_with(R"({"id":1,"payload":)"));
  EXPECT_EQ(call("GET", "/collections/c/points/2").status, 404);
  EXPECT_EQ(call("GET", "/collections/c/points/x").status, 400);
}

TEST_F(ApiTest, WrongInputGetsItsStatusAndChangesNothing) {
  make_collection();
  const std::tuple<const char*, const char*, int, const char*> cases[] = {
      {"/collections/c/points", R"({"points":[{"id":1,"vector":[1,2]},{"id":2,"vector":[1]}]})", 400, "expected dim: 2, got 1"},
      {"/collections/c/points", R"({"points":[{"id":1,"vector":[1,null]}]})", 400, "points[0].vector[1]"},
      {"/collections/c/points", R"({"points":[{"id":1,"vector":{"nope":[1,2]}}]})", 400, "nope"},
      {"/collections/c/points", R"({"points":[)", 400, "Format error in JSON body: "},
      {"/collections/c/points?wait=maybe", R"({"points":[]})", 400, "wait"},
      {"/collections/c/points?timeout=0", R"({"points":[]})", 422, "timeout"},
      {"/collections/x/points", R"({"points":[]})", 404, "Collection `x` doesn't exist!"},
      {"/collections/c", R"({"vectors":{"size":2,"distance":"Dot"}})", 409, "Collection `c` already exists!"},
      {"/collections/d", R"({"vectors":{"size":0,"distance":"Dot"}})", 422, "vectors.size"},
      {"/collections/a%2Fb", R"({"vectors":{"size":2,"distance":"Dot"}})", 422, "collection_name"},
  };
  for (const auto& [target, body, status, part] : cases) {
    const HttpReply reply = call("PUT", target, body);
    EXPECT_EQ(reply.status, status) << target << " " << reply.body;
    EXPECT_TRUE(reply.body.contains(part)) << reply.body;
  }
  EXPECT_EQ(count(), R"({"count":0})");
  EXPECT_EQ(result(call("GET", "/collections")), R"({"collections":[{"name":"c"}]})");
}

TEST_F(ApiTest, RefusesWhatOneNodeDoesNotHave) {
  make_collection();
  EXPECT_EQ(call("POST", "/collections/c/shards/delete", "{}").status, 405);
  EXPECT_EQ(call("GET", "/nothing").status, 404);
}

TEST_F(ApiTest, IngestsAStreamAndListsItsBadLines) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  context_.settings.models = {};
  publish_engine();
  const std::string body =
      "{\"id\":1,\"text\":\"the tides follow the moon\"}\nnonsense\n{\"_id\":\"2\",\"title\":\"Bread\",\"text\":\"rye\"}\n\n"
      "{\"id\":\"doc\",\"text\":\"x\"}\n{\"id\":4,\"text\":\"\"}\n{\"id\":1,\"text\":\"the sea\"}";
  EXPECT_EQ(call("POST", "/collections/c/documents", body).status, 404);
  const std::string summary = result(call("POST", "/collections/c/documents?create=true", body));
  EXPECT_TRUE(summary.starts_with(R"({"accepted":3,"rejected":3,"errors":[{"line":2,)")) << summary;
  EXPECT_TRUE(summary.contains(R"({"line":5,"reason":"id: 'doc' is neither a number nor a UUID"},{"line":6,)")) << summary;
  EXPECT_TRUE(summary.ends_with(R"("replaced":1})")) << summary;
  EXPECT_EQ(count(), R"({"count":2})");
  const std::string hits =
      result(call("POST", "/collections/c/points/query", R"({"query":{"text":"ocean"},"limit":1,"with_payload":true})"));
  EXPECT_TRUE(hits.contains(R"("payload":{},"text":"the sea")")) << hits;
}

TEST_F(ApiTest, IngestsCompressedStreams) {
  make_collection();
  const std::string text = lines(1, 3'000);
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string packed = compress(coding, text).value();
    const std::string name(content_coding_name(coding));
    const std::string summary = result(call("POST", "/collections/c/documents", packed, {{"Content-Encoding", name}}));
    EXPECT_TRUE(summary.starts_with(R"({"accepted":3000,"rejected":0)")) << summary;
  }
  EXPECT_EQ(count(), R"({"count":3000})");
  const HttpReply unknown = call("POST", "/collections/c/documents", "x", {{"Content-Encoding", "br"}});
  EXPECT_EQ(unknown.status, 400);
}

TEST_F(ApiTest, TakesABodyThatIsLargerThanTheLimitOfRequestsWhenItIsAStream) {
  make_collection();
  std::size_t next = 0;
  const auto source = [&]() -> Result<std::string> {
    if (next == 150'000) return std::string();
    next += 10'000;
    return lines(next - 9'999, next);
  };
  const HttpReply reply = client_->upload("POST", "/collections/c/documents", source).value();
  EXPECT_TRUE(result(reply).starts_with(R"({"accepted":150000,"rejected":0)")) << reply.body;
  EXPECT_EQ(count(), R"({"count":150000})");
}

TEST_F(ApiTest, TellsOfAStreamWhileItRuns) {
  make_collection();
  RawConnection raw(server_->port());
  const std::string begin = lines(1, 3'000);
  const std::string end = lines(3'001, 3'100) + "damaged\n";
  raw.send(fmt::format(
      "POST /collections/c/documents?progress=100 HTTP/1.1\r\nHost: x\r\nX-Request-Id: r1\r\nContent-Length: {}\r\n\r\n",
      begin.size() + end.size()));
  raw.send(begin);
  // The daemon tells before it has the whole body.
  std::string answer = raw.read_until("\"progress\"");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"))
      << answer;
  EXPECT_TRUE(answer.contains("r1")) << answer;
  raw.send(end);
  answer += raw.read_until("\r\n0\r\n\r\n");
  const std::size_t last = answer.rfind("{\"result\":{\"accepted\":3100,\"rejected\":1,");
  ASSERT_NE(last, std::string::npos) << answer;
  std::uint64_t rows_before = 0;
  for (std::size_t at = answer.find("{\"progress\":{"); at != std::string::npos; at = answer.find("{\"progress\":{", at + 1)) {
    const JsonDocument event = JsonDocument::parse(answer.substr(at, answer.find('\n', at) - at)).value();
    const std::uint64_t rows = event.root().find("progress")->find_uint("rows").value().value();
    EXPECT_GE(rows / 100, rows_before / 100 + 1);
    EXPECT_LE(rows, 3'101U);
    rows_before = rows;
    EXPECT_LT(at, last);
  }
  EXPECT_GT(rows_before, 100U);
  // The connection goes on.
  raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(raw.read_until("passed").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(call("POST", "/collections/c/documents?progress=0", "x").status, 400);
  EXPECT_TRUE(
      call("POST", "/collections/c/documents?progress=x", "x").body.contains("progress: found 'x', expected a number of rows"));
}

TEST_F(ApiTest, ClientsOfOldGetTheAnswerInOnePiece) {
  make_collection();
  RawConnection raw(server_->port());
  const std::string body = lines(1, 3'000);
  raw.send(fmt::format("POST /collections/c/documents?progress=100 HTTP/1.0\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  const std::string answer = raw.read_to_end();
  EXPECT_TRUE(answer.contains("Content-Length: ")) << answer;
  EXPECT_FALSE(answer.contains("\"progress\"")) << answer;
  EXPECT_TRUE(answer.contains("{\"result\":{\"accepted\":3000,\"rejected\":0,")) << answer;
}

TEST_F(ApiTest, AFailureAfterTheFirstEventStandsInTheLastLine) {
  make_collection();
  RawConnection raw(server_->port());
  const std::string body = compress(ContentCoding::kGzip, lines(1, 20'000)).value();
  const std::string half = body.substr(0, body.size() / 2);
  raw.send(fmt::format(
      "POST /collections/c/documents?progress=256 HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{}",
      half.size(), half));
  const std::string answer = raw.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  const std::size_t last = answer.rfind("{\"result\":");
  ASSERT_NE(last, std::string::npos) << answer;
  EXPECT_TRUE(answer.substr(last).contains("ends too early")) << answer.substr(last);
  EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n"));
}

TEST_F(ApiTest, AnOperationGoesOnOverSeveralRequests) {
  make_collection();
  const std::string target = "/collections/c/documents?operation=parts";
  const std::string first = result(call("POST", target + "&more=true", lines(1, 10)));
  EXPECT_TRUE(first.contains(R"("next_line":11,"accepted":10,"rejected":0,"finished":false)")) << first;
  const std::string second = result(call("POST", target + "&from=11&more=true", "\n" + lines(11, 12) + "\n"));
  EXPECT_TRUE(second.contains(R"("next_line":15,"accepted":12,"rejected":0,"finished":false)")) << second;
  const std::string end = result(call("POST", target + "&from=15", ""));
  EXPECT_TRUE(end.contains(R"("next_line":15,"accepted":12,"rejected":0,"finished":true)")) << end;
  EXPECT_TRUE(call("POST", target + "&more=x", "").body.contains("more: found 'x', expected true or false"));
  EXPECT_EQ(call("POST", "/collections/c/documents?more=true", "").status, 400);
}

TEST_F(ApiTest, KeepsWhatCameBeforeDamage) {
  make_collection();
  const std::string packed = compress(ContentCoding::kGzip, lines(1, 20'000)).value();
  const std::string half = packed.substr(0, packed.size() / 2);
  const HttpReply reply = call("POST", "/collections/c/documents", half, {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_TRUE(reply.body.contains("ends too early")) << reply.body;
  EXPECT_TRUE(reply.body.starts_with(R"({"result":{"accepted":)")) << reply.body;
  const std::string kept = count();
  EXPECT_FALSE(kept.contains(R"("count":0)")) << kept;
  const JsonDocument document = JsonDocument::parse(reply.body).value();
  const auto accepted = document.root().find("result")->find_uint("accepted").value().value();
  EXPECT_EQ(kept, R"({"count":)" + std::to_string(accepted) + "}");
}

TEST_F(ApiTest, KeepsWhatCameBeforeTheClientLeft) {
  make_collection();
  {
    RawConnection raw(server_->port());
    raw.send("POST /collections/c/documents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + lines(1, 5'000));
    for (int i = 0; i < 200 && count() != R"({"count":5000})"; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(count(), R"({"count":5000})");
}

TEST_F(ApiTest, RefusesBodiesAboveTheLimit) {
  make_collection();
  const HttpReply plain = call("POST", "/collections/c/points/query", std::string(5'000'000, ' '));
  EXPECT_EQ(plain.status, 400);
  EXPECT_TRUE(plain.body.contains("larger than allowed (limit: 4194304 bytes)")) << plain.body;
  const std::string bomb = compress(ContentCoding::kGzip, std::string(std::size_t{256} << 20, ' ')).value();
  const HttpReply expanded = call("POST", "/collections/c/points/query", bomb, {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(expanded.status, 400);
  EXPECT_TRUE(expanded.body.contains("larger than allowed")) << expanded.body;
  EXPECT_EQ(count(), R"({"count":0})");
}

TEST_F(ApiTest, TakesReadyCodes) {
  make_collection(R"({"vectors":{"size":16,"distance":"Cosine","form":"ubinary"}})");
  result(call("PUT", "/collections/c/points?wait=true", R"({"points":[{"id":1,"vector":[0,255]},{"id":2,"vector":"//8="}]})"));
  const std::string hits = result(call("POST", "/collections/c/points/query", R"({"query":{"ubinary":[255,254]},"limit":2})"));
  EXPECT_TRUE(hits.starts_with(R"({"points":[{"id":2,)")) << hits;
}

TEST_F(ApiTest, SaysWhichTextsWereCut) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  context_.settings.models = {};
  publish_engine();
  std::string long_text;
  for (int i = 0; i < 2'000; ++i) long_text += "word ";
  const std::string line = R"({"id":1,"text":")" + long_text + "\"}\n{\"id\":2,\"text\":\"short\"}\n";
  const std::string summary = result(call("POST", "/collections/c/documents?create=true", line));
  EXPECT_TRUE(summary.contains(R"("truncated":1,"truncated_lines":[1])")) << summary;
  const std::string point = R"({"points":[{"id":3,"vector":{"text":")" + long_text + R"(","options":{"truncate":false}}}]})";
  EXPECT_EQ(call("PUT", "/collections/c/points", point).status, 400);
  EXPECT_EQ(count(), R"({"count":2})");
}

TEST_F(ApiTest, CountsRequestsInItsMetrics) {
  make_collection();
  call("GET", "/collections/c");
  const HttpReply metrics = call("GET", "/metrics");
  EXPECT_TRUE(metrics.header("Content-Type").starts_with("text/plain; version=0.0.4"));
  for (const char* part : {"rest_responses_total{method=\"GET\",endpoint=\"/collections/{collection}\",status=\"200\"}",
                           "rest_responses_duration_seconds_bucket", "collection_points{id=\"c\"} 0", "app_info{"}) {
    EXPECT_TRUE(metrics.body.contains(part)) << part;
  }
}

TEST_F(ApiTest, StreamsObeyStrictMode) {
  make_collection(R"({"vectors":{"size":2,"distance":"Dot"},"sparse_vectors":{"s":{}},
                      "strict_mode_config":{"enabled":true,"max_points_count":300,"sparse_config":{"s":{"max_length":2}}}})");
  const std::string too_long = R"({"id":1,"vector":{"s":{"indices":[1,2,3],"values":[1,1,1]}}})";
  const std::string fits = R"({"id":2,"vector":{"s":{"indices":[1,2],"values":[1,1]}}})";
  const std::string summary = result(call("POST", "/collections/c/documents", too_long + "\n" + fits + "\n"));
  EXPECT_TRUE(summary.contains(R"("accepted":1,"rejected":1)")) << summary;
  EXPECT_TRUE(summary.contains("has a limit of 2 indices")) << summary;
  // Batches hold at most 256 lines: the one that finds the collection full ends the stream, those before stay.
  const HttpReply full = call("POST", "/collections/c/documents", lines(10, 2'000));
  EXPECT_EQ(full.status, 400);
  EXPECT_TRUE(full.body.contains("Max points count limit of 300 exceeded!")) << full.body;
  const std::uint64_t points = engine_->collection_info("c")->points_count;
  EXPECT_GE(points, 300U);
  EXPECT_LT(points, 300U + 256U);
  EXPECT_TRUE(full.body.contains(fmt::format(R"("accepted":{},)", points - 1))) << full.body;
}

TEST_F(ApiTest, TellsOfFiltersWithoutAnIndexUntilThereIsOne) {
  make_collection();
  EXPECT_EQ(result(call("GET", "/issues")), R"({"issues":[]})");
  const std::string_view query =
      R"({"query":[1,2],"filter":{"must":[{"key":"city","match":{"any":["a"]}},{"nested":{"key":"x","filter":{"must":{"key":"y","range":{"gt":1}}}}}]}})";
  result(call("POST", "/collections/c/points/query", query));
  const std::string issues = result(call("GET", "/issues"));
  EXPECT_TRUE(issues.contains(R"("code":"c.UNINDEXED_FIELD.city")")) << issues;
  EXPECT_TRUE(issues.contains(R"("body":{"field_name":"x[].y","field_schema":"float"})")) << issues;
  result(call("PUT", "/collections/c/index?wait=true", R"({"field_name":"city","field_schema":"keyword"})"));
  result(call("POST", "/collections/c/points/query", query));
  EXPECT_FALSE(result(call("GET", "/issues")).contains("city"));
  EXPECT_TRUE(result(call("GET", "/issues")).contains("x[].y"));
  // The next search sees that the index is gone.
  const char* const search = R"({"vector":[1,0],"limit":1,"filter":{"must":{"key":"city","match":{"value":"Rome"}}}})";
  EXPECT_EQ(call("POST", "/collections/c/points/search", search).status, 200);
  EXPECT_FALSE(result(call("GET", "/issues")).contains("city"));
  EXPECT_EQ(call("DELETE", "/collections/c/index/city?wait=true").status, 200);
  EXPECT_EQ(call("POST", "/collections/c/points/search", search).status, 200);
  EXPECT_TRUE(result(call("GET", "/issues")).contains("city"));
  EXPECT_EQ(result(call("DELETE", "/collections/c")), "true");
  EXPECT_EQ(result(call("GET", "/issues")), R"({"issues":[]})");
}

TEST_F(ApiTest, ChangesTheLogsLevel) {
  make_collection();
  EXPECT_EQ(result(call("GET", "/logger")), R"({"log_level":"info"})");
  EXPECT_EQ(result(call("POST", "/logger", R"({"log_level":"warn"})")), "true");
  EXPECT_EQ(result(call("POST", "/logger", "{}")), "true");
  EXPECT_EQ(result(call("GET", "/logger")), R"({"log_level":"warning"})");
  EXPECT_EQ(call("POST", "/logger", R"({"log_level":"loud"})").status, 400);
  EXPECT_EQ(result(call("POST", "/logger", R"({"log_level":"info"})")), "true");
}

TEST_F(ApiTest, TellsOfSparseVectorsAfterTheLastWasDeleted) {
  make_collection(R"({"vectors":{"size":2,"distance":"Dot"},"sparse_vectors":{"s":{}}})");
  result(call("DELETE", "/collections/c/vectors/s"));
  const std::string info = result(call("GET", "/collections/c"));
  EXPECT_TRUE(info.contains(R"("sparse_vectors":{})")) << info;
  EXPECT_EQ(result(call("PUT", "/collections/d", R"({"vectors":{"size":2,"distance":"Dot"}})")), "true");
  EXPECT_FALSE(result(call("GET", "/collections/d")).contains("sparse_vectors"));
}

}  // namespace
}  // namespace orthant
