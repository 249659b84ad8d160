// Keys, tokens and what they open, over a socket with a real engine behind.

#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/routes.h"
#include "api/service/gate.h"
#include "api/service/request_log.h"
#include "tests/api/http/raw_connection.h"
#include "tests/api/service/tokens.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::make_token;

const std::string kKey = "the-main-key";
const std::string kSpareKey = "the-spare-key";
const std::string kReadKey = "boo, this can only read!";

class SecurityTest : public testing::Test {
 protected:
  void SetUp() override {
    Settings& settings = context_.settings;
    settings.models = {"none"};
    settings.data_dir = directory_.path() / "data";
    settings.api_key = kKey;
    settings.alt_api_key = kSpareKey;
    settings.read_only_api_key = kReadKey;
    settings.jwt = true;
    settings.audit_log = (directory_.path() / "audit.log").string();
  }
  void TearDown() override {
    if (server_) server_->stop(std::chrono::seconds(5));
  }

  void start() {
    engine_ = Engine::open(context_.settings).value();
    context_.engine = engine_.get();
    log_ = service::RequestLog::open(context_.settings).value();
    gate_ = std::make_unique<service::Gate>(context_);
    DispatcherOptions options;
    options.admit = [this](const Route* route, Request& request) { return gate_->admit(route, request); };
    options.admit_content = [this](const Route& route, const Request& request) { return gate_->admit_content(route, request); };
    options.observe = [this](const Route* route, const Request& request, const Response& response) {
      log_->observe(route, request, response);
    };
    dispatcher_ = std::make_unique<Dispatcher>(make_router(context_), options);
    HttpServerOptions serving;
    serving.trusted_proxies = context_.settings.trusted_proxies;
    server_ = HttpServer::start(serving, [this](Request& request) { return dispatcher_->handle(request); }).value();
    client_ = std::make_unique<HttpClient>(HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value());
  }
  void make_collection(const std::string& name) {
    const std::string path = "/collections/" + name;
    EXPECT_EQ(call("PUT", path, kKey, R"({"vectors":{"size":2,"distance":"Dot"}})").status, 200);
    EXPECT_EQ(
        call("PUT", path + "/points?wait=true", kKey, R"({"points":[{"id":1,"vector":[1,2],"payload":{"token":"t42"}}]})").status,
        200);
  }

  HttpReply send(std::string_view method, std::string_view target, const HttpHeaderList& headers, std::string_view body = {}) {
    auto reply = client_->send(method, target, body, "application/json", headers);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(HttpReply());
  }
  HttpReply call(std::string_view method, std::string_view target, const std::string& key, std::string_view body = {}) {
    return send(method, target, {{"Authorization", "Bearer " + key}}, body);
  }
  std::string audit() {
    std::ifstream file(context_.settings.audit_log);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  test::TemporaryDirectory directory_;
  ApiContext context_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<service::RequestLog> log_;
  std::unique_ptr<service::Gate> gate_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(SecurityTest, AsksForAKeyEverywhereButAtHealthChecks) {
  start();
  for (const char* path : {"/", "/healthz", "/livez", "/readyz"}) EXPECT_EQ(send("GET", path, {}).status, 200) << path;
  for (const char* path :
       {"/collections", "/metrics", "/telemetry", "/no/such/path", "/healthz/x", "/dashboard%2f..%2fcollections"}) {
    const HttpReply reply = send("GET", path, {});
    EXPECT_EQ(reply.status, 401) << path;
    EXPECT_EQ(reply.body, "Must provide an API key or an Authorization bearer token");
    EXPECT_TRUE(reply.header("Content-Type").starts_with("text/plain"));
  }
  EXPECT_EQ(send("GET", "/no/such/path", {{"api-key", kKey}}).status, 404);
  EXPECT_EQ(send("OPTIONS", "/collections", {{"Origin", "https://page"}}).status, 204) << "a preflight has no key";
}

TEST_F(SecurityTest, TakesKeysInBothHeaders) {
  start();
  for (const std::string& key : {kKey, kSpareKey, kReadKey}) {
    EXPECT_EQ(send("GET", "/collections", {{"api-key", key}}).status, 200) << key;
    EXPECT_EQ(send("GET", "/collections", {{"API-Key", key}}).status, 200) << key;
    EXPECT_EQ(call("GET", "/collections", key).status, 200) << key;
  }
  for (const std::string& wrong :
       {std::string(), std::string("the-main-kez"), kKey + "x", kKey.substr(1), std::string("the-main-key\t1")}) {
    const HttpReply reply = send("GET", "/collections", {{"api-key", wrong}});
    EXPECT_EQ(reply.status, 401) << wrong;
    EXPECT_EQ(reply.body, "Invalid API key or JWT");
  }
  EXPECT_EQ(send("GET", "/collections", {{"Authorization", "Basic " + kKey}}).status, 401);
  EXPECT_EQ(send("GET", "/collections", {{"api-key", "wrong"}, {"Authorization", "Bearer " + kKey}}).status, 401)
      << "api-key goes before Authorization";
}

TEST_F(SecurityTest, EmptyKeysOpenNothing) {
  context_.settings.alt_api_key.clear();
  context_.settings.read_only_api_key.clear();
  start();
  EXPECT_EQ(send("GET", "/collections", {{"api-key", ""}}).status, 401);
  EXPECT_EQ(send("GET", "/collections", {{"Authorization", "Bearer "}}).status, 401);
  EXPECT_EQ(call("GET", "/collections", make_token(R"({"access":"m"})", "")).status, 403);
}

struct AccessRow {
  const char* method;
  const char* path;
  const char* body;
  bool read_all;
  bool collection_r, collection_rw, collection_prw;
};

// Who may do what, as Qdrant's own tests have it.
TEST_F(SecurityTest, HoldsEachRouteAgainstWhatTheTokenAllows) {
  start();
  make_collection("c");
  const std::string points = R"({"points":[{"id":1,"vector":[1,2],"payload":{"token":"t42"}}]})";
  const AccessRow rows[] = {
      {"GET", "/collections", "", true, true, true, true},
      {"GET", "/collections/c", "", true, true, true, true},
      {"GET", "/collections/c/exists", "", true, true, true, true},
      {"GET", "/aliases", "", true, true, true, true},
      {"GET", "/telemetry", "", true, true, true, true},
      {"GET", "/metrics", "", true, false, false, false},
      {"GET", "/cluster", "", true, false, false, false},
      {"PUT", "/collections/fresh", R"({"vectors":{"size":2,"distance":"Dot"}})", false, false, false, false},
      {"PATCH", "/collections/c", "{}", false, false, false, false},
      {"DELETE", "/collections/none", "", false, false, false, false},
      {"POST", "/collections/aliases", R"({"actions":[]})", false, false, false, false},
      {"PUT", "/collections/c/index?wait=true", R"({"field_name":"token","field_schema":"keyword"})", false, false, true, false},
      {"DELETE", "/collections/c/index/none", "", false, false, true, false},
      {"GET", "/collections/c/snapshots", "", true, true, true, false},
      {"POST", "/collections/c/snapshots", "", false, false, true, false},
      {"PUT", "/collections/c/snapshots/recover", R"({"location":"file:///none"})", false, false, false, false},
      {"GET", "/snapshots", "", true, false, false, false},
      {"GET", "/collections/c/points/1", "", true, true, true, true},
      {"POST", "/collections/c/points", R"({"ids":[1]})", true, true, true, true},
      {"PUT", "/collections/c/points?wait=true", points.c_str(), false, false, true, true},
      {"POST", "/collections/c/points/payload?wait=true", R"({"payload":{"b":1},"points":[1]})", false, false, true, true},
      {"POST", "/collections/c/points/delete?wait=true", R"({"points":[7]})", false, false, true, true},
      {"POST", "/collections/c/points/scroll", "{}", true, true, true, true},
      {"POST", "/collections/c/points/count", "{}", true, true, true, true},
      {"POST", "/collections/c/points/query", R"({"query":[1,2]})", true, true, true, true},
      {"POST", "/collections/c/points/search", R"({"vector":[1,2],"limit":1})", true, true, true, true},
      {"POST", "/collections/c/documents", R"({"id":3,"vector":[1,2]})", false, false, true, true},
      {"GET", "/models", "", true, true, true, true},
  };
  const auto scoped = [](const char* collection, const char* right) {
    return make_token(std::string(R"({"access":[{"collection":")") + collection + R"(","access":")" + right + R"("}]})", kKey);
  };
  const std::tuple<std::string, std::string, bool AccessRow::*> callers[] = {
      {"r", make_token(R"({"access":"r"})", kKey), &AccessRow::read_all},
      {"spare r", make_token("{}", kSpareKey), &AccessRow::read_all},
      {"read-only key", kReadKey, &AccessRow::read_all},
      {"collection r", scoped("c", "r"), &AccessRow::collection_r},
      {"collection rw", scoped("c", "rw"), &AccessRow::collection_rw},
      {"collection prw", scoped("c", "prw"), &AccessRow::collection_prw},
  };
  for (const AccessRow& row : rows) {
    for (const auto& [name, key, column] : callers) {
      const HttpReply reply = call(row.method, row.path, key, row.body);
      EXPECT_EQ(reply.status != 403, row.*column)
          << name << ": " << row.method << " " << row.path << " " << reply.status << reply.body;
      EXPECT_NE(reply.status, 401) << name << ": " << row.method << " " << row.path;
    }
    for (const std::string& key : {kKey, kSpareKey, make_token(R"({"access":"m"})", kKey)}) {
      const HttpReply reply = call(row.method, row.path, key, row.body);
      EXPECT_TRUE(reply.status != 401 && reply.status != 403 && (reply.status < 500 || reply.status == 501))
          << row.path << reply.body;
    }
    const std::string elsewhere = scoped("other", "rw");
    if (std::string_view(row.path).contains("/c/")) {
      EXPECT_EQ(call(row.method, row.path, elsewhere, row.body).status, 403) << row.path;
    }
  }
}

TEST_F(SecurityTest, SaysWhyItRefuses) {
  start();
  const HttpReply read_only = call("PUT", "/collections/x", kReadKey, "{}");
  EXPECT_EQ(read_only.status, 403);
  EXPECT_TRUE(read_only.body.contains(R"("error":"Forbidden: Global manage access is required")")) << read_only.body;
  const HttpReply metrics = call("GET", "/metrics", make_token(R"({"access":[{"collection":"c","access":"r"}]})", kKey));
  EXPECT_TRUE(metrics.body.contains(R"("error":"Forbidden: Global access is required")")) << metrics.body;
  EXPECT_EQ(call("GET", "/collections", make_token("{}", "another key")).body, "InvalidSignature");
  const HttpReply expired = call("GET", "/collections", make_token(R"({"exp":1000})", kKey));
  EXPECT_EQ(expired.status, 403);
  EXPECT_EQ(expired.body, "ExpiredSignature");
  const HttpReply payload =
      call("GET", "/collections", make_token(R"({"access":[{"collection":"c","access":"r","payload":{}}]})", kKey));
  EXPECT_EQ(payload.status, 401);
}

TEST_F(SecurityTest, ListsOnlyCollectionsThatATokenMayRead) {
  start();
  make_collection("mine");
  make_collection("theirs");
  const std::string token = make_token(R"({"access":[{"collection":"mine","access":"r"}]})", kKey);
  const HttpReply some = call("GET", "/collections", token);
  EXPECT_TRUE(some.body.contains(R"([{"name":"mine"}])")) << some.body;
  EXPECT_TRUE(call("GET", "/collections", kReadKey).body.contains("theirs"));
}

TEST_F(SecurityTest, LetsNoQueryLookIntoOtherCollections) {
  start();
  make_collection("mine");
  make_collection("theirs");
  const std::string token = make_token(R"({"access":[{"collection":"mine","access":"rw"}]})", kKey);
  for (const char* member : {R"("lookup_from":{"collection":"theirs"})", R"("lookup_\u0066rom":{"collection":"theirs"})",
                             R"("prefetch":[{"query":1,"lookup_from":{"collection":"theirs"}}])", R"("with_lookup":"theirs")"}) {
    const std::string body = std::string(R"({"query":1,)") + member + "}";
    const HttpReply reply = call("POST", "/collections/mine/points/query", token, body);
    EXPECT_EQ(reply.status, 403) << member << reply.body;
    EXPECT_TRUE(reply.body.contains("Access to collection theirs is required")) << reply.body;
  }
  const std::string both =
      make_token(R"({"access":[{"collection":"mine","access":"r"},{"collection":"theirs","access":"r"}]})", kKey);
  EXPECT_NE(call("POST", "/collections/mine/points/query", both, R"({"query":1,"lookup_from":{"collection":"theirs"}})").status,
            403);
}

TEST_F(SecurityTest, ATokenForACollectionMakesNone) {
  start();
  const std::string token = make_token(R"({"access":[{"collection":"fresh","access":"rw"}]})", kKey);
  EXPECT_EQ(call("POST", "/collections/fresh/documents?create=true", token, R"({"id":3,"vector":[1,2]})").status, 403);
  make_collection("fresh");
  EXPECT_EQ(call("POST", "/collections/fresh/documents?create=true", token, R"({"id":3,"vector":[1,2]})").status, 200);
}

TEST_F(SecurityTest, ATokenHoldsWhileItsValueExists) {
  start();
  make_collection("c");
  const std::string token =
      make_token(R"({"value_exists":{"collection":"tokens","matches":[{"key":"token","value":"t42"}]}})", kKey);
  const HttpReply none = call("POST", "/collections/c/points/scroll", token, "{}");
  EXPECT_EQ(none.status, 403);
  EXPECT_EQ(none.body, "Invalid JWT, stateful validation failed");
  make_collection("tokens");
  EXPECT_EQ(call("POST", "/collections/c/points/scroll", token, "{}").status, 200);
  EXPECT_EQ(call("POST", "/collections/tokens/points/delete?wait=true", kKey, R"({"points":[1]})").status, 200);
  EXPECT_EQ(call("POST", "/collections/c/points/scroll", token, "{}").status, 401);
}

TEST_F(SecurityTest, RefusesBeforeItReadsTheBody) {
  start();
  test::RawConnection raw(server_->port());
  raw.send("PUT /collections/c/points HTTP/1.1\r\nHost: x\r\napi-key: " + kReadKey + "\r\nContent-Length: 30000000\r\n\r\n{");
  EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 403"));
  test::RawConnection stranger(server_->port());
  stranger.send("POST /collections/c/snapshots/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(stranger.read_until("\r\n\r\n").starts_with("HTTP/1.1 401"));
}

TEST_F(SecurityTest, LimitsTheRateOfAClient) {
  context_.settings.max_requests_per_second_per_client = 5;
  start();
  int limited = 0;
  for (int i = 0; i < 20; ++i) {
    const HttpReply reply = call("GET", "/collections", kKey);
    if (reply.status != 429) continue;
    ++limited;
    EXPECT_EQ(reply.header("Retry-After"), "1");
    EXPECT_TRUE(reply.body.contains("Rate limiting exceeded: ")) << reply.body;
  }
  EXPECT_GE(limited, 5);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send("GET", "/livez", {}).status, 200);
}

TEST_F(SecurityTest, LimitsTheRateOfEachClientBehindATrustedProxy) {
  context_.settings.max_requests_per_second_per_client = 2;
  context_.settings.trusted_proxies = {"127.0.0.0/8"};
  start();
  const auto status = [&](const std::string& forwarded_for) {
    return send("GET", "/collections", {{"api-key", std::string(kKey)}, {"X-Forwarded-For", forwarded_for}}).status;
  };
  int limited = 0;
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(status(fmt::format("192.0.2.{}", i)), 200) << i;
    // What stands before the last untrusted address is the client's own claim.
    if (status(fmt::format("192.0.2.{}, 198.51.100.1", i)) == 429) ++limited;
  }
  EXPECT_GE(limited, 5);
}

TEST_F(SecurityTest, WritesChangesAndRefusalsDownAndNoKeys) {
  start();
  make_collection("c");
  const std::string token = make_token(R"({"access":"m","subject":"ann"})", kKey);
  send("POST", "/collections/c/points/payload?wait=true",
       {{"Authorization", "Bearer " + token}, {"X-Request-Id", "req-7"}, {"X-Secret", "never"}},
       R"({"payload":{"b":1},"points":[1]})");
  call("GET", "/collections/c", kKey);
  call("GET", "/metrics", kKey);
  call("DELETE", "/collections/c", kReadKey);
  send("GET", "/collections", {{"api-key", "wrong-key-given"}});
  const std::string text = audit();
  EXPECT_TRUE(text.contains(
      R"("outcome":"done","request_id":"req-7","client":"127.0.0.1","caller":"token","subject":"ann","method":"POST")"))
      << text;
  EXPECT_TRUE(text.contains(R"("outcome":"denied")"));
  EXPECT_TRUE(text.contains(R"("caller":"read-only key")"));
  EXPECT_TRUE(text.contains(R"("collection":"c"})"));
  EXPECT_FALSE(text.contains(R"("path":"/metrics")"));
  EXPECT_FALSE(text.contains(R"("method":"GET","path":"/collections/c")")) << "reads are not asked for";
  for (const std::string& secret : {kKey, kSpareKey, kReadKey, token, std::string("wrong-key-given"), std::string("never")}) {
    EXPECT_FALSE(text.contains(secret)) << secret;
  }
  std::filesystem::rename(context_.settings.audit_log, context_.settings.audit_log + ".1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(call("DELETE", "/collections/c", kKey).status, 200);
  EXPECT_TRUE(audit().contains(R"("method":"DELETE")")) << "a file that was moved away is made anew";
}

}  // namespace
}  // namespace orthant
