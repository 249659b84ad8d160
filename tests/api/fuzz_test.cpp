// Bodies that are almost right, at every route that takes one: each gets an answer that blames the caller, and what is stored
// stays.

#include <random>

#include <gtest/gtest.h>

#include "api/http/client.h"
#include "api/http/server.h"
#include "api/json/json_reader.h"
#include "api/routes.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

struct Sample {
  const char* method;
  const char* target;
  const char* body;
};

constexpr Sample kReads[] = {
    {"POST", "/collections/c/points/query",
     R"({"query":[0.5,1.5e0],"limit":3,"offset":1,"filter":{"must":[{"key":"a.b[]","match":{"any":["x","\u00e9"]}},{"has_id":[1,2]}]},"with_payload":["a"],"params":{"exact":true}})"},
    {"POST", "/collections/c/points/query",
     R"({"query":{"nearest":1},"using":"","score_threshold":0.1,"with_vector":true,"explain":true})"},
    {"POST", "/collections/c/points/query/batch", R"({"searches":[{"query":[1,2]},{"query":3,"lookup_from":{"collection":"c"}}]})"},
    {"POST", "/collections/c/points/search",
     R"({"vector":{"name":"","vector":[1,2]},"top":2,"params":{"hnsw_ef":8,"quantization":{"oversampling":2.0}}})"},
    {"POST", "/collections/c/points/scroll",
     R"({"filter":{"should":[{"key":"n","range":{"gte":1,"lt":1e3}},{"is_empty":{"key":"z"}}],"must_not":[{"key":"g","geo_radius":{"center":{"lon":1,"lat":2},"radius":10}}]},"limit":5,"offset":2})"},
    {"POST", "/collections/c/points/count",
     R"({"filter":{"min_should":{"conditions":[{"key":"n","values_count":{"gt":0}}],"min_count":1}},"exact":true})"},
    {"POST", "/collections/c/points", R"({"ids":[1,"936da01f-9abd-4d9d-80c7-02af85c822a8"],"with_vector":[""]})"},
    {"POST", "/collections/c/facet", R"({"key":"a","limit":3,"exact":true})"},
    {"POST", "/v1/embeddings", R"({"input":["a","b"],"model":"m","encoding_format":"base64","dimensions":2})"},
    {"POST", "/rerank", R"({"query":"a","texts":["b","c"],"raw_scores":false})"},
};

constexpr Sample kWrites[] = {
    {"PUT", "/collections/c/points?wait=true",
     R"({"points":[{"id":900,"vector":[1,2],"payload":{"a":{"b":[1,"\ud83d\ude00",null,1e-7]}}}]})"},
    {"PUT", "/collections/c/points?wait=true", R"({"batch":{"ids":[901,902],"vectors":[[1,2],[3,4]],"payloads":[{"k":1},null]}})"},
    {"POST", "/collections/c/points/payload?wait=true", R"({"payload":{"x":{"y":1}},"points":[900],"key":"deep.er[0]"})"},
    {"POST", "/collections/c/points/batch?wait=true",
     R"({"operations":[{"upsert":{"points":[{"id":903,"vector":[1,2]}]}},{"delete":{"points":[903]}}]})"},
    {"PUT", "/collections/c/points/vectors?wait=true", R"({"points":[{"id":900,"vector":{"":[5,6]}}]})"},
    {"PUT", "/collections/c/index?wait=true",
     R"({"field_name":"a","field_schema":{"type":"text","tokenizer":"word","min_token_len":2}})"},
    {"PATCH", "/collections/c",
     R"({"optimizers_config":{"indexing_threshold":1000},"params":{},"vectors":{"":{"on_disk":false}}})"},
    {"PUT", "/collections/d",
     R"({"vectors":{"t":{"size":4,"distance":"Dot","hnsw_config":{"m":8}}},"sparse_vectors":{"s":{}},"on_disk_payload":true})"},
    {"POST", "/collections/aliases",
     R"({"actions":[{"create_alias":{"collection_name":"c","alias_name":"al"}},{"delete_alias":{"alias_name":"al"}}]})"},
    {"POST", "/collections/c/documents", R"({"id":904,"vector":[1,2],"meta":{"a":1}})"},
};

class FuzzTest : public testing::Test {
 protected:
  void SetUp() override {
    context_.settings.models = {"none"};
    context_.settings.data_dir = directory_.path() / "data";
    engine_ = Engine::open(context_.settings).value();
    context_.engine = engine_.get();
    DispatcherOptions options;
    options.pool = [this]() -> ThreadPool* { return &engine_->request_pool(); };
    dispatcher_ = std::make_unique<Dispatcher>(make_router(context_), options);
    server_ = HttpServer::start({}, [this](Request& request) { return dispatcher_->handle(request); }).value();
    client_ = std::make_unique<HttpClient>(HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value());
    EXPECT_EQ(call("PUT", "/collections/c", R"({"vectors":{"size":2,"distance":"Dot"}})").status, 200);
    std::string points;
    for (int i = 1; i <= 20; ++i) {
      points += (i == 1 ? "" : ",") + std::string(R"({"id":)") + std::to_string(i) + R"(,"vector":[1,2],"payload":{"n":)" +
                std::to_string(i) + "}}";
    }
    EXPECT_EQ(call("PUT", "/collections/c/points?wait=true", R"({"points":[)" + points + "]}").status, 200);
  }
  void TearDown() override { server_->stop(std::chrono::seconds(5)); }

  HttpReply call(std::string_view method, std::string_view target, std::string_view body) {
    auto reply = client_->send(method, target, body);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(HttpReply());
  }

  void expect_sober(const Sample& sample, const std::string& body) {
    const HttpReply reply = call(sample.method, sample.target, body);
    EXPECT_TRUE(reply.status >= 200 && (reply.status < 500 || reply.status == 501))
        << sample.target << " " << reply.status << " " << reply.body << "\n"
        << testing::PrintToString(body);
    if (reply.header("Content-Type") == "application/json") {
      EXPECT_TRUE(JsonDocument::parse(reply.body)) << "the answer is no JSON: " << testing::PrintToString(reply.body);
    }
  }

  test::TemporaryDirectory directory_;
  ApiContext context_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_;
};

std::string mutated(std::string text, std::mt19937_64& random) {
  static constexpr const char* kPieces[] = {"null",    "-1",          "1e999", "18446744073709551616",
                                            "\"\"",    "[]",          "{}",    "true",
                                            "0.1",     "\"\\ud800\"", "[[",    "}}",
                                            ",",       ":",           "\"",    "\\",
                                            "\xff",    "NaN",         "-0",    "9223372036854775807",
                                            "\"a\":1,"};
  for (std::size_t changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
    const std::size_t at = random() % text.size();
    const std::string piece = kPieces[random() % std::size(kPieces)];
    switch (random() % 6) {
      case 0: text[at] = static_cast<char>(random()); break;
      case 1: text.insert(at, piece); break;
      case 2: text.erase(at, 1 + random() % 12); break;
      case 3: text.replace(at, 1 + random() % 5, piece); break;
      case 4: {  // a whole value, so that the body stays JSON more often
        const std::size_t colon = text.find(':', at);
        if (colon == std::string::npos) break;
        const std::size_t end = text.find_first_of(",}]", colon);
        text.replace(colon + 1, end == std::string::npos ? end : end - colon - 1, piece);
        break;
      }
      default: text.insert(at, text.substr(at, random() % 40));
    }
  }
  return text;
}

TEST_F(FuzzTest, AlmostRightReadsAreAnsweredAndChangeNothing) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 1'500; ++i) {
    const Sample& sample = kReads[random() % std::size(kReads)];
    expect_sober(sample, mutated(sample.body, random));
  }
  EXPECT_TRUE(call("POST", "/collections/c/points/count", "{}").body.contains(R"("count":20)"));
}

TEST_F(FuzzTest, AlmostRightWritesAreAnsweredAndLeaveOtherPointsAlone) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 600; ++i) {
    const Sample& sample = kWrites[random() % std::size(kWrites)];
    expect_sober(sample, mutated(sample.body, random));
  }
  // Only points that the samples name, or ids that came of changed digits, were written: the others' payloads are as they were.
  const HttpReply rest = call("POST", "/collections/c/points/count", R"({"filter":{"must":[{"has_id":[1,2,3,4,5,6,7,8]}]}})");
  EXPECT_EQ(rest.status, 200) << rest.body;
  server_->stop(std::chrono::seconds(5));
  engine_.reset();
  engine_ = Engine::open(context_.settings).value();
  EXPECT_FALSE(engine_->collection_info("c")->fault) << "what was written cannot be read again";
}

TEST_F(FuzzTest, DeepAndEndlessBodiesAreRefused) {
  for (const std::string& body :
       {std::string(1'000'000, '['), R"({"filter":)" + std::string(100'000, '{'), std::string(500'000, '"'),
        R"({"vector":[)" + std::string(2'000'000, '1') + "]}", std::string(1, '\0'), std::string()}) {
    for (const Sample& sample : kReads) {
      const HttpReply reply = call(sample.method, sample.target, body);
      EXPECT_TRUE(reply.status < 500 || reply.status == 501) << sample.target << reply.body.substr(0, 300);
      EXPECT_LT(reply.body.size(), 10'000U) << "the answer repeats the body";
    }
  }
}

}  // namespace
}  // namespace orthant
