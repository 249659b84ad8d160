#include "api/qdrant/parse_read.h"

#include <gtest/gtest.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_query.h"
#include "tests/api/qdrant/parse_text.h"

namespace orthant::qdrant {
namespace {

using test::parse_json;

std::string error_of(const auto& result) {
  return result ? "no error" : result.error().message;
}

TEST(ParseRead, ReadsAQueryWithAllItsOptions) {
  const auto query = parse_json(R"({"query":[0.5,1],"using":"title","filter":{"must":[{"has_id":[1]}]},"limit":7,"offset":3,
    "score_threshold":0.25,"with_payload":["a","b"],"with_vector":["title"],"lookup_from":{"collection":"c","vector":"v"},
    "params":{"hnsw_ef":64,"exact":true,"indexed_only":false,"target_recall":0.9,"quantization":{"rescore":false,"oversampling":2.5}},
    "explain":true,"stray":{"ignored":true}})",
                                parse_query);
  ASSERT_TRUE(query) << error_of(query);
  EXPECT_EQ(std::get<std::vector<float>>(std::get<VectorInput>(query->query)), (std::vector<float>{0.5, 1}));
  EXPECT_EQ(query->vector_name, "title");
  EXPECT_EQ(query->limit, 7);
  EXPECT_EQ(query->offset, 3);
  EXPECT_EQ(query->score_threshold, 0.25F);
  EXPECT_EQ(query->payload.include, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(query->vectors.names, std::vector<std::string>{"title"});
  EXPECT_EQ(query->lookup_collection, "c");
  EXPECT_EQ(query->lookup_vector, "v");
  EXPECT_TRUE(query->search.exact);
  EXPECT_EQ(query->search.rescore, false);
  EXPECT_EQ(query->search.oversampling, 2.5);
  EXPECT_EQ(query->search.target_recall, 0.9);
  EXPECT_EQ(query->search.effort, 64U);
  EXPECT_TRUE(query->explain);
}

TEST(ParseRead, TellsTheKindsOfQueriesApart) {
  const auto target = [](const std::string& query) { return parse_json(R"({"query":)" + query + "}", parse_query).value().query; };
  EXPECT_EQ(std::get<PointId>(target("5")), PointId::number(5));
  EXPECT_TRUE(std::get<PointId>(target(R"("98a9a4b1-4ef2-46fb-8315-a97d874fe1d7")")).is_uuid());
  EXPECT_EQ(std::get<PointId>(target(R"({"nearest":5})")), PointId::number(5));
  EXPECT_EQ(std::get<TextInput>(std::get<VectorInput>(target(R"({"text":"hi","model":"m"})"))).text, "hi");
  EXPECT_EQ(std::get<TextInput>(std::get<VectorInput>(target(R"({"nearest":{"text":"hi"}})"))).text, "hi");
  EXPECT_EQ(std::get<CodeInput>(std::get<VectorInput>(target(R"({"ubinary":"AP8="})"))).bytes.size(), 2);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(target("null")));
}

TEST(ParseRead, DefaultsAreThoseOfQdrant) {
  const auto query = parse_json("{}", parse_query).value();
  EXPECT_EQ(query.limit, 10);
  EXPECT_FALSE(query.payload.enabled);
  EXPECT_FALSE(query.vectors.enabled);
  EXPECT_FALSE(query.search.exact);
  const auto scroll = parse_json(R"({"offset":null})", parse_scroll).value();
  EXPECT_TRUE(scroll.payload.enabled);
  EXPECT_FALSE(scroll.from);
  EXPECT_TRUE(parse_json(R"({"ids":[1]})", parse_retrieve).value().payload.enabled);
}

TEST(ParseRead, TakesAnEmptyListOfPrefetchesAsNone) {
  EXPECT_TRUE(parse_json(R"({"query":[1],"prefetch":[]})", parse_query)->prefetch.empty());
}

TEST(ParseRead, ValidatesRanges) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"limit":0})", "limit: value 0 invalid"},
      {R"({"params":{"hnsw_ef":0}})", "params.hnsw_ef"},
      {R"({"params":{"quantization":{"oversampling":0.5}}})", "params.quantization.oversampling"},
  };
  for (const auto& [text, part] : cases) {
    const auto query = parse_json(text, parse_query);
    EXPECT_TRUE(error_of(query).starts_with("Validation error in JSON body: [")) << error_of(query);
    EXPECT_TRUE(error_of(query).contains(part)) << error_of(query);
    EXPECT_EQ(error_response(query.error()).status, 422);
  }
  EXPECT_EQ(error_response(parse_json(R"({"limit":-1})", parse_query).error()).status, 400);
}

TEST(ParseRead, ReadsTheOlderSearches) {
  const auto named = parse_json(R"({"vector":{"name":"title","vector":[1]},"top":3})", parse_search);
  ASSERT_TRUE(named) << error_of(named);
  EXPECT_EQ(named->vector_name, "title");
  EXPECT_EQ(named->limit, 3);
  EXPECT_FALSE(parse_json(R"({"vector":[1]})", parse_search));
  EXPECT_FALSE(parse_json(R"({"limit":1})", parse_search));
  const auto parse_searches = [](JsonValue body) { return parse_batch(body, parse_search); };
  EXPECT_EQ(parse_json(R"({"searches":[{"vector":[1],"limit":1},{"vector":[2],"limit":2}]})", parse_searches)->size(), 2);
}

TEST(Envelope, MapsErrorsToStatusAndPrefix) {
  const std::tuple<ErrorCode, int, std::string_view> cases[] = {
      {ErrorCode::kInvalidArgument, 400, "Wrong input: x"},     {ErrorCode::kNotFound, 404, "Not found: x"},
      {ErrorCode::kAlreadyExists, 409, "Wrong input: x"},       {ErrorCode::kResourceExhausted, 429, "Rate limiting exceeded: x"},
      {ErrorCode::kDeadlineExceeded, 408, "Timeout: x"},        {ErrorCode::kUnavailable, 503, "Shard temporarily unavailable: x"},
      {ErrorCode::kInternal, 500, "Service internal error: x"}, {ErrorCode::kDataCorruption, 500, "Service internal error: x"},
      {ErrorCode::kIoError, 500, "Service internal error: x"},
  };
  for (const auto& [code, status, text] : cases) {
    const Response response = error_response({code, "x"});
    EXPECT_EQ(response.status, status);
    EXPECT_TRUE(response.body.contains(text)) << response.body;
  }
  EXPECT_EQ(error_response({ErrorCode::kIoError, "write: No space left on device"}).status, 507);
  EXPECT_EQ(error_response({ErrorCode::kResourceExhausted, "x"}).headers.at(0).first, "Retry-After");
}

TEST(Envelope, FramesAResultWithTimeAndUsage) {
  const Response plain = ok_true(Clock::now());
  EXPECT_TRUE(plain.body.starts_with(R"({"result":true,"status":"ok","time":)")) << plain.body;
  const Response with_tokens = ok_response(Clock::now(), [](JsonWriter& json) { json.null(); }, {{"m", 7}});
  EXPECT_TRUE(with_tokens.body.ends_with(R"("usage":{"hardware":null,"inference":{"models":{"m":{"tokens":7}}}}})"))
      << with_tokens.body;
}

}  // namespace
}  // namespace orthant::qdrant
