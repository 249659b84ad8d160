#include "api/qdrant/parse_query.h"

#include <gtest/gtest.h>

#include "api/qdrant/envelope.h"
#include "tests/api/qdrant/parse_text.h"

namespace orthant::qdrant {
namespace {

using test::parse_json;

QueryRequest parsed(std::string text) {
  auto request = parse_json(std::move(text), parse_query);
  EXPECT_TRUE(request) << request.error().message;
  return request.value_or(QueryRequest());
}

template <typename Query>
Query parsed_query(const std::string& query) {
  const QueryRequest request = parsed(R"({"query":)" + query + "}");
  EXPECT_TRUE(std::holds_alternative<Query>(request.query)) << query;
  return std::get<Query>(request.query);
}

Expression parsed_formula(const std::string& formula) {
  return parsed_query<Formula>(R"({"formula":)" + formula + "}").expression;
}

TEST(ParseQuery, ReadsEveryKindOfQuery) {
  const auto diverse = parsed_query<DiverseQuery>(R"({"nearest":7,"mmr":{"diversity":0.25,"candidates_limit":50}})");
  EXPECT_EQ(std::get<PointId>(diverse.target), PointId::number(7));
  EXPECT_EQ(diverse.diversity, 0.25);
  EXPECT_EQ(diverse.candidates, 50U);
  EXPECT_EQ(parsed_query<DiverseQuery>(R"({"nearest":[1,2],"mmr":{}})").diversity, 0.5);
  const auto recommend =
      parsed_query<RecommendQuery>(R"({"recommend":{"positive":[1,[0.5]],"negative":[2],"strategy":"best_score"}})");
  EXPECT_EQ(recommend.positives.size(), 2);
  EXPECT_EQ(recommend.negatives.size(), 1);
  EXPECT_EQ(recommend.strategy, RecommendStrategy::kBestScore);
  const auto discover = parsed_query<DiscoverQuery>(R"({"discover":{"target":1,"context":[{"positive":2,"negative":[1]}]}})");
  EXPECT_EQ(std::get<PointId>(discover.pairs.at(0).positive), PointId::number(2));
  EXPECT_TRUE(parsed_query<DiscoverQuery>(R"({"discover":{"target":1,"context":null}})").pairs.empty());
  EXPECT_EQ(parsed_query<ContextQuery>(R"({"context":{"positive":2,"negative":3}})").pairs.size(), 1);
  const auto order = parsed_query<OrderBy>(R"({"order_by":{"key":"a.b","direction":"desc","start_from":"1970-01-01T00:00:01Z"}})");
  EXPECT_TRUE(order.descending);
  EXPECT_EQ(std::get<std::int64_t>(*order.start_from), 1'000'000);
  EXPECT_EQ(parsed_query<OrderBy>(R"({"order_by":"a"})").key, "a");
  EXPECT_EQ(parsed_query<RankFusion>(R"({"fusion":"rrf"})").k, 2);
  EXPECT_EQ(parsed_query<RankFusion>(R"({"rrf":{"k":60,"weights":[1,2.5]}})").weights, (std::vector<double>{1, 2.5}));
  parsed_query<DistributionFusion>(R"({"fusion":"dbsf"})");
  parsed_query<RandomSample>(R"({"sample":"random"})");
  const auto feedback = parsed_query<FeedbackQuery>(
      R"({"relevance_feedback":{"target":1,"feedback":[{"example":2,"score":0.5}],"strategy":{"naive":{"a":1,"b":2,"c":3}}}})");
  EXPECT_EQ(feedback.examples.at(0).second, 0.5F);
  EXPECT_EQ(feedback.weights.c, 3);
  const auto text = parsed_query<TextScoreQuery>(R"({"text":{"query":"a b","scoring":{"bm25":{"k":2,"b":0.5}}}})");
  EXPECT_EQ(text.text, "a b");
  EXPECT_EQ(text.k, 2);
  EXPECT_EQ(text.b, 0.5);
  EXPECT_EQ(parsed_query<TextScoreQuery>(R"({"text":{"query":"a"}})").k, 1.2);
}

TEST(ParseQuery, ReadsTheCorpusOfAnIdf) {
  const QueryRequest request = parsed(R"({"query":[1],"params":{"idf":{"corpus":{"must":[{"has_id":[1]}]}}}})");
  ASSERT_TRUE(request.idf_corpus.has_value());
  EXPECT_EQ(request.idf_corpus->must.size(), 1U);
  EXPECT_FALSE(parsed(R"({"query":[1],"params":{"idf":"global"}})").idf_corpus.has_value());
}

TEST(ParseQuery, ReadsPrefetchesToAnyDepth) {
  const QueryRequest request = parsed(R"({"query":{"fusion":"rrf"},"limit":3,"prefetch":[{"query":[1],"using":"a","limit":50,
    "prefetch":{"filter":{"must":{"has_id":[1]}}}},{"query":2,"score_threshold":0.5,"lookup_from":{"collection":"c"}}]})");
  ASSERT_EQ(request.prefetch.size(), 2);
  EXPECT_EQ(request.prefetch[0].vector_name, "a");
  EXPECT_EQ(request.prefetch[0].limit, 50);
  ASSERT_EQ(request.prefetch[0].prefetch.size(), 1);
  EXPECT_TRUE(request.prefetch[0].prefetch[0].filter);
  EXPECT_EQ(request.prefetch[0].prefetch[0].limit, 10);
  EXPECT_EQ(request.prefetch[1].score_threshold, 0.5F);
  EXPECT_EQ(request.prefetch[1].lookup_collection, "c");
}

TEST(ParseQuery, ReadsFormulas) {
  EXPECT_EQ(parsed_formula("2.5").number, 2.5);
  EXPECT_EQ(parsed_formula(R"("$score")").kind, ExpressionKind::kScore);
  EXPECT_EQ(parsed_formula(R"("$score[3]")").source, 3);
  EXPECT_EQ(parsed_formula(R"("a.b")").key, "a.b");
  EXPECT_EQ(parsed_formula(R"({"sum":[1,{"neg":"x"}]})").operands.at(1).kind, ExpressionKind::kNegate);
  EXPECT_EQ(parsed_formula(R"({"div":{"left":1,"right":2,"by_zero_default":3}})").by_zero_default, 3);
  EXPECT_EQ(parsed_formula(R"({"pow":{"base":1,"exponent":2}})").operands.size(), 2);
  EXPECT_TRUE(parsed_formula(R"({"key":"city","match":{"value":"x"}})").condition);
  EXPECT_EQ(parsed_formula(R"({"geo_distance":{"origin":{"lat":1,"lon":2},"to":"g"}})").origin.lon, 2);
  EXPECT_EQ(parsed_formula(R"({"datetime":"1970-01-01T00:01:00Z"})").number, 60);
  EXPECT_EQ(parsed_formula(R"({"datetime_key":"t"})").kind, ExpressionKind::kDatetimeKey);
  const Expression decay = parsed_formula(R"({"gauss_decay":{"x":"a","target":3,"scale":2,"midpoint":0.2}})");
  EXPECT_EQ(decay.operands.size(), 2);
  EXPECT_EQ(decay.scale, 2);
  const auto formula = parsed_query<Formula>(R"({"formula":"a","defaults":{"a":[1],"$score[1]":0.5}})");
  EXPECT_EQ(formula.defaults.at("a"), "[1]");
  EXPECT_EQ(formula.score_defaults.at(1), 0.5);
}

TEST(ParseQuery, RefusesWithStatusAndText) {
  const std::tuple<const char*, int, const char*> cases[] = {
      {R"({"prefetch":[{"query":[1]}]})", 400, "Bad request: A query is needed to merge the prefetches"},
      {R"({"prefetch":{"prefetch":{}},"query":[1]})", 400, "A query is needed to merge the prefetches"},
      {R"({"score_threshold":1})", 400, "Bad request: A query is needed to use the score_threshold."},
      {R"({"query":{"order_by":"x"},"score_threshold":1})", 400, "Bad request: Can't use score_threshold with an order_by query."},
      {R"({"query":{"recommend":{"negative":[1]}}})", 422, "positive"},
      {R"({"query":{"recommend":{"strategy":"sum_scores"}}})", 422, "positive or negative"},
      {R"({"query":{"recommend":{"positive":[1],"strategy":"other"}}})", 400, "unknown variant `other`"},
      {R"({"query":{"discover":{"target":1}}})", 400, "missing field `context`"},
      {R"({"query":{"nearest":[1],"mmr":{"diversity":1.5}}})", 422, "query.mmr.diversity: value 1.5 invalid"},
      {R"({"query":{"nearest":[1],"mmr":{"candidates_limit":20000}}})", 422, "candidates_limit"},
      {R"({"query":{"fusion":"other"}})", 400, "unknown variant `other`"},
      {R"({"query":{"rrf":{"k":0}}})", 422, "query.rrf.k"},
      {R"({"query":{"sample":"first"}})", 400, "unknown variant `first`"},
      {R"({"query":{"order_by":{"key":"x","direction":"up"}}})", 400, "unknown variant `up`"},
      {R"({"query":{"formula":{"unknown":1}}})", 400, "unknown"},
      {R"({"query":{"formula":"$score[x]"}})", 400, "Invalid score pattern"},
      {R"({"prefetch":{"limit":0},"query":[1]})", 422, "prefetch.limit: value 0 invalid"},
      {R"({"params":{"acorn":{"max_selectivity":2}}})", 422, "params.acorn.max_selectivity"},
      {R"({"params":{"idf":"local"}})", 400, "params.idf"},
  };
  for (const auto& [text, status, part] : cases) {
    const auto request = parse_json(text, parse_query);
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(error_response(request.error()).status, status) << text << ": " << request.error().message;
    EXPECT_TRUE(request.error().message.contains(part)) << request.error().message;
  }
}

TEST(ParseQuery, RefusesTreesThatAreTooDeep) {
  const auto tree = [](std::size_t depth) {
    std::string text = "{}";
    for (std::size_t i = 0; i < depth; ++i) text = R"({"query":[1],"prefetch":)" + text + "}";
    return parse_json(text, parse_query);
  };
  EXPECT_TRUE(tree(kMaxQueryDepth));
  EXPECT_TRUE(tree(kMaxQueryDepth + 1).error().message.contains("exceeds max depth"));
}

TEST(ParseQuery, ReadsGroups) {
  const auto groups = parse_json(R"({"query":[1],"group_by":"a[].b","group_size":2,"limit":4,
    "with_lookup":{"collection":"c","with_payload":false,"with_vector":true}})",
                                 parse_query_groups);
  ASSERT_TRUE(groups) << groups.error().message;
  EXPECT_EQ(groups->group_by, "a[].b");
  EXPECT_EQ(groups->group_size, 2);
  EXPECT_EQ(groups->query.limit, 4);
  EXPECT_FALSE(groups->lookup->payload.enabled);
  EXPECT_TRUE(groups->lookup->vectors.enabled);
  EXPECT_TRUE(parse_json(R"({"group_by":"a","with_lookup":"c"})", parse_query_groups)->lookup->payload.enabled);
  EXPECT_EQ(error_response(parse_json(R"({"group_by":"a","group_size":0})", parse_query_groups).error()).status, 422);
  EXPECT_EQ(error_response(parse_json(R"({"query":[1]})", parse_query_groups).error()).status, 400);
}

TEST(ParseQuery, ReadsTheOlderEndpoints) {
  const auto recommend = parse_json(R"({"positive":[1],"negative":[2],"limit":3,"using":"a"})", parse_recommend);
  ASSERT_TRUE(recommend) << recommend.error().message;
  EXPECT_EQ(std::get<RecommendQuery>(recommend->query).negatives.size(), 1);
  EXPECT_EQ(recommend->vector_name, "a");
  EXPECT_TRUE(std::holds_alternative<DiscoverQuery>(parse_json(R"({"target":1,"limit":3})", parse_discover)->query));
  EXPECT_TRUE(std::holds_alternative<ContextQuery>(
      parse_json(R"({"context":[{"positive":1,"negative":2}],"limit":3})", parse_discover)->query));
  EXPECT_FALSE(parse_json(R"({"limit":3})", parse_discover));
  EXPECT_FALSE(parse_json(R"({"positive":[1]})", parse_recommend)) << "a limit is wanted";
  const auto groups =
      parse_json(R"({"vector":{"name":"a","vector":[1]},"group_by":"k","group_size":1,"limit":2})", parse_search_groups);
  ASSERT_TRUE(groups) << groups.error().message;
  EXPECT_EQ(groups->query.vector_name, "a");
  EXPECT_TRUE(parse_json(R"({"positive":[1],"group_by":"k","group_size":1,"limit":2})", parse_recommend_groups));
}

}  // namespace
}  // namespace orthant::qdrant
