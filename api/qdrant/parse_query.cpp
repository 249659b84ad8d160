#include "api/qdrant/parse_query.h"

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_filter.h"
#include "api/qdrant/parse_formula.h"
#include "api/qdrant/parse_search_params.h"
#include "engine/payload/datetime.h"
#include "engine/payload/json_path.h"

namespace orthant::qdrant {
namespace {

constexpr std::size_t kDefaultLimit = 10;

// ---- what to look for ----

// Another point's vector by id, or a vector in any form.
Result<QueryExample> parse_example(JsonValue value) {
  if (value.is_integer() || value.is_string()) return QueryExample(ORTHANT_TRY(parse_point_id(value)));
  return QueryExample(ORTHANT_TRY(parse_vector(value)));
}

// A list, or nothing.
Result<std::vector<QueryExample>> parse_examples(JsonValue object, std::string_view name) {
  std::vector<QueryExample> examples;
  const auto list = object.find(name);
  if (!list) return examples;
  ORTHANT_TRY(list->expect_array());
  for (const JsonValue element : list->items()) examples.push_back(ORTHANT_TRY(parse_example(element)));
  return examples;
}

QueryVariant nearest_query(QueryExample example) {
  if (auto* id = std::get_if<PointId>(&example)) return *id;
  return std::get<VectorInput>(std::move(example));
}

Result<QueryVariant> parse_diverse(JsonValue mmr, QueryExample target) {
  ORTHANT_TRY(mmr.expect_object());
  DiverseQuery query;
  query.target = std::move(target);
  query.diversity = ORTHANT_TRY(mmr.find_double("diversity")).value_or(query.diversity);
  if (!(query.diversity >= 0 && query.diversity <= 1)) {
    return ORTHANT_TRY(mmr.require("diversity")).out_of_range("must be from 0.0 to 1.0");
  }
  if (const auto candidates = mmr.find("candidates_limit")) {
    query.candidates = ORTHANT_TRY(candidates->as_uint());
    if (*query.candidates > DiverseQuery::kMaxCandidates) {
      return candidates->out_of_range(fmt::format("must be from 0 to {}", DiverseQuery::kMaxCandidates));
    }
  }
  return QueryVariant(std::move(query));
}

// {"positive", "negative", "strategy"}
Result<QueryVariant> parse_recommendation(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  RecommendQuery query;
  query.positives = ORTHANT_TRY(parse_examples(value, "positive"));
  query.negatives = ORTHANT_TRY(parse_examples(value, "negative"));
  if (const auto strategy = value.find("strategy")) {
    const std::string name = ORTHANT_TRY(strategy->as_string());
    if (name == "best_score") {
      query.strategy = RecommendStrategy::kBestScore;
    } else if (name == "sum_scores") {
      query.strategy = RecommendStrategy::kSumOfScores;
    } else if (name != "average_vector") {
      return strategy->format_error("unknown variant `" + name + "`, expected one of `average_vector`, `best_score`, `sum_scores`");
    }
  }
  if (query.strategy == RecommendStrategy::kAverageVector && query.positives.empty()) {
    return value.validation_error("At least one positive vector ID required with this strategy");
  }
  if (query.positives.empty() && query.negatives.empty()) {
    return value.validation_error("At least one positive or negative vector ID required with this strategy");
  }
  return QueryVariant(std::move(query));
}

// A list of {"positive", "negative"}, or one.
Result<std::vector<ExamplePair>> parse_pairs(JsonValue value) {
  const auto parse_pair = [](JsonValue pair) -> Result<ExamplePair> {
    ORTHANT_TRY(pair.expect_object());
    ExamplePair parsed;
    parsed.positive = ORTHANT_TRY(parse_example(ORTHANT_TRY(pair.require("positive"))));
    parsed.negative = ORTHANT_TRY(parse_example(ORTHANT_TRY(pair.require("negative"))));
    return parsed;
  };
  std::vector<ExamplePair> pairs;
  if (value.is_object()) {
    pairs.push_back(ORTHANT_TRY(parse_pair(value)));
    return pairs;
  }
  ORTHANT_TRY(value.expect_array());
  for (const JsonValue pair : value.items()) pairs.push_back(ORTHANT_TRY(parse_pair(pair)));
  return pairs;
}

// {"target", "context"}; the context must be spelled out, be it as null.
Result<QueryVariant> parse_discovery(JsonValue value) {
  DiscoverQuery query;
  query.target = ORTHANT_TRY(parse_example(ORTHANT_TRY(value.require("target"))));
  const auto context = value.find_or_null("context");
  if (!context) return value.format_error("missing field `context`");
  if (!context->is_null()) query.pairs = ORTHANT_TRY(parse_pairs(*context));
  return QueryVariant(std::move(query));
}

// {"target", "feedback": [{"example", "score"}], "strategy": {"naive": {"a", "b", "c"}}}
Result<QueryVariant> parse_feedback(JsonValue value) {
  FeedbackQuery query;
  query.target = ORTHANT_TRY(parse_example(ORTHANT_TRY(value.require("target"))));
  const JsonValue feedback = ORTHANT_TRY(value.require("feedback"));
  ORTHANT_TRY(feedback.expect_array());
  if (feedback.size() == 0) return feedback.validation_error("feedback elements must be non-empty");
  for (const JsonValue item : feedback.items()) {
    QueryExample example = ORTHANT_TRY(parse_example(ORTHANT_TRY(item.require("example"))));
    query.examples.emplace_back(std::move(example), ORTHANT_TRY(ORTHANT_TRY(item.require("score")).as_float()));
  }
  const JsonValue naive = ORTHANT_TRY(ORTHANT_TRY(value.require("strategy")).require("naive"));
  for (const auto& [name, weight] : {std::pair("a", &query.weights.a), {"b", &query.weights.b}, {"c", &query.weights.c}}) {
    const JsonValue given = ORTHANT_TRY(naive.require(name));
    *weight = ORTHANT_TRY(given.as_float());
    // Qdrant's own path of it.
    if (*weight < 0) {
      return json_validation_error(
          fmt::format("internal.query.relevance_feedback.strategy.naive.{}: value {} invalid, must be 0.0 or "
                      "larger",
                      name, given.raw()));
    }
  }
  return QueryVariant(std::move(query));
}

Result<QueryVariant> parse_fusion(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  if (name == "rrf") return QueryVariant(RankFusion{});
  if (name == "dbsf") return QueryVariant(DistributionFusion{});
  return value.format_error("unknown variant `" + name + "`, expected one of `rrf`, `dbsf`");
}

// {"k", "weights"}
Result<QueryVariant> parse_rrf(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  RankFusion fusion;
  fusion.k = ORTHANT_TRY(find_size(value, "k", 1, fusion.k));
  if (const auto weights = value.find("weights")) {
    ORTHANT_TRY(weights->expect_array());
    for (const JsonValue weight : weights->items()) fusion.weights.push_back(ORTHANT_TRY(weight.as_double()));
  }
  return QueryVariant(std::move(fusion));
}

Result<QueryVariant> parse_sample(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  if (name != "random") return value.format_error("unknown variant `" + name + "`, expected `random`");
  return QueryVariant(RandomSample{});
}

// {"query", "scoring": {"bm25": {"k", "b"}}}; also with k and b at the top.
Result<QueryVariant> parse_text_query(JsonValue value) {
  TextScoreQuery query;
  query.text = ORTHANT_TRY(ORTHANT_TRY(value.require("query")).as_string());
  JsonValue weights = value;
  if (const auto scoring = value.find("scoring")) weights = ORTHANT_TRY(scoring->require("bm25"));
  query.k = ORTHANT_TRY(weights.find_double("k")).value_or(query.k);
  query.b = ORTHANT_TRY(weights.find_double("b")).value_or(query.b);
  if (!(query.k >= 0)) return ORTHANT_TRY(weights.require("k")).out_of_range("must be 0.0 or larger");
  if (!(query.b >= 0 && query.b <= 1)) return ORTHANT_TRY(weights.require("b")).out_of_range("must be from 0.0 to 1.0");
  return QueryVariant(std::move(query));
}

Result<QueryVariant> parse_query_object(JsonValue value) {
  if (const auto text = value.find("text"); text && text->is_object()) return parse_text_query(*text);
  if (const auto nearest = value.find("nearest")) {
    QueryExample target = ORTHANT_TRY(parse_example(*nearest));
    if (const auto mmr = value.find("mmr")) return parse_diverse(*mmr, std::move(target));
    return nearest_query(std::move(target));
  }
  if (const auto recommend = value.find("recommend")) return parse_recommendation(*recommend);
  if (const auto discover = value.find("discover")) return parse_discovery(*discover);
  if (const auto context = value.find("context")) return QueryVariant(ContextQuery{ORTHANT_TRY(parse_pairs(*context))});
  if (const auto order_by = value.find("order_by")) return QueryVariant(ORTHANT_TRY(parse_order_by(*order_by)));
  if (const auto fusion = value.find("fusion")) return parse_fusion(*fusion);
  if (const auto rrf = value.find("rrf")) return parse_rrf(*rrf);
  if (value.find("formula")) return QueryVariant(ORTHANT_TRY(parse_formula(value)));
  if (const auto sample = value.find("sample")) return parse_sample(*sample);
  if (const auto feedback = value.find("relevance_feedback")) return parse_feedback(*feedback);
  return nearest_query(ORTHANT_TRY(parse_example(value)));
}

Result<QueryVariant> parse_query_variant(JsonValue value) {
  if (value.is_object()) return parse_query_object(value);
  return nearest_query(ORTHANT_TRY(parse_example(value)));
}

// ---- stages ----

Status parse_lookup_from(JsonValue body, QueryStage& stage) {
  const auto lookup = body.find("lookup_from");
  if (!lookup) return {};
  stage.lookup_collection = ORTHANT_TRY(ORTHANT_TRY(lookup->require("collection")).as_string());
  stage.lookup_vector = ORTHANT_TRY(lookup->find_string("vector")).value_or("");
  return {};
}

// What every form of a query and a prefetch has.
Status parse_common(JsonValue body, QueryStage& stage) {
  ORTHANT_TRY(body.expect_object());
  stage.filter = ORTHANT_TRY(find_filter(body));
  if (const auto threshold = body.find("score_threshold")) stage.score_threshold = ORTHANT_TRY(threshold->as_float());
  stage.search = ORTHANT_TRY(parse_params(body));
  stage.idf_corpus = ORTHANT_TRY(parse_idf(body));
  stage.vector_name = ORTHANT_TRY(body.find_string("using")).value_or("");
  return parse_lookup_from(body, stage);
}

Status check_stage(const QueryStage& stage) {
  const bool has_query = !std::holds_alternative<std::monostate>(stage.query);
  if (!has_query && !stage.prefetch.empty()) {
    return bad_request("A query is needed to merge the prefetches. Can't have prefetches without defining a query.");
  }
  if (!has_query && stage.score_threshold) {
    return bad_request("A query is needed to use the score_threshold. Can't have score_threshold without defining a query.");
  }
  if (std::holds_alternative<OrderBy>(stage.query) && stage.score_threshold) {
    return bad_request("Can't use score_threshold with an order_by query.");
  }
  return {};
}

Status parse_stage(JsonValue body, QueryStage& stage, std::size_t depth);

// A list of stages, or one. An empty list is none.
Result<std::vector<QueryStage>> parse_prefetches(JsonValue body, std::size_t depth) {
  std::vector<QueryStage> stages;
  const auto value = body.find("prefetch");
  if (!value) return stages;
  if (depth > kMaxQueryDepth) {
    return value->validation_error(fmt::format("prefetches depth {} exceeds max depth {}", depth, kMaxQueryDepth));
  }
  if (value->is_object()) {
    ORTHANT_TRY(parse_stage(*value, stages.emplace_back(), depth));
    return stages;
  }
  ORTHANT_TRY(value->expect_array());
  for (const JsonValue element : value->items()) ORTHANT_TRY(parse_stage(element, stages.emplace_back(), depth));
  return stages;
}

Status parse_stage(JsonValue body, QueryStage& stage, std::size_t depth) {
  ORTHANT_TRY(parse_common(body, stage));
  stage.limit = ORTHANT_TRY(find_size(body, "limit", 1, kDefaultLimit));
  if (const auto query = body.find("query")) stage.query = ORTHANT_TRY(parse_query_variant(*query));
  stage.prefetch = ORTHANT_TRY(parse_prefetches(body, depth + 1));
  return check_stage(stage);
}

Result<std::optional<RerankStage>> parse_rerank(JsonValue body) {
  const auto value = body.find("rerank");
  if (!value) return std::nullopt;
  ORTHANT_TRY(value->expect_object());
  RerankStage stage;
  stage.model = ORTHANT_TRY(value->find_string("model")).value_or("");
  stage.query = ORTHANT_TRY(value->find_string("query"));
  if (stage.query && stage.query->empty()) return ORTHANT_TRY(value->require("query")).validation_error("the text is empty");
  stage.field = ORTHANT_TRY(value->find_string("field")).value_or("");
  stage.candidates = ORTHANT_TRY(find_size(*value, "limit", 1, stage.candidates));
  if (stage.candidates > RerankStage::kMaxCandidates) {
    return ORTHANT_TRY(value->require("limit")).out_of_range(fmt::format("must be from 1 to {}", RerankStage::kMaxCandidates));
  }
  return stage;
}

// What the root has beside a stage.
Status parse_page(JsonValue body, QueryRequest& request) {
  request.offset = ORTHANT_TRY(find_size(body, "offset", 0, 0));
  request.payload = ORTHANT_TRY(parse_payload_selector(body, false));
  request.vectors = ORTHANT_TRY(parse_vector_selector(body));
  request.explain = ORTHANT_TRY(body.find_bool("explain")).value_or(false);
  return {};
}

// The older endpoints want a limit, by either name.
Result<std::size_t> require_limit(JsonValue body) {
  const char* const name = body.find("limit") ? "limit" : "top";
  if (!body.find(name)) return body.format_error("missing field `limit`");
  return find_size(body, name, 1, kDefaultLimit);
}

Status parse_older_frame(JsonValue body, QueryRequest& request) {
  ORTHANT_TRY(parse_common(body, request));
  return parse_page(body, request);
}

// A list, a text or codes; or {"name", "vector"}.
Status parse_search_vector(JsonValue body, QueryRequest& request) {
  const JsonValue vector = ORTHANT_TRY(body.require("vector"));
  const auto inner = vector.find("vector");
  if (inner) request.vector_name = ORTHANT_TRY(ORTHANT_TRY(vector.require("name")).as_string());
  request.query = ORTHANT_TRY(parse_vector(inner ? *inner : vector));
  return {};
}

// ---- groups ----

Result<std::optional<GroupsRequest::Lookup>> parse_with_lookup(JsonValue body) {
  const auto value = body.find("with_lookup");
  if (!value) return std::nullopt;
  GroupsRequest::Lookup lookup;
  if (value->is_string()) {
    lookup.collection = ORTHANT_TRY(value->as_string());
    return lookup;
  }
  lookup.collection = ORTHANT_TRY(ORTHANT_TRY(value->require("collection")).as_string());
  lookup.payload = ORTHANT_TRY(parse_payload_selector(*value, true));
  lookup.vectors = ORTHANT_TRY(parse_vector_selector(*value));
  return lookup;
}

Status parse_groups(JsonValue body, GroupsRequest& request) {
  const JsonValue group_by = ORTHANT_TRY(body.require("group_by"));
  request.group_by = ORTHANT_TRY(group_by.as_string());
  if (!JsonPath::parse(request.group_by)) return group_by.format_error("Invalid json path: '" + request.group_by + "'");
  request.group_size = ORTHANT_TRY(find_size(body, "group_size", 1, request.group_size));
  request.query.limit = ORTHANT_TRY(find_size(body, "limit", 1, kDefaultLimit));
  request.query.offset = 0;
  request.lookup = ORTHANT_TRY(parse_with_lookup(body));
  return {};
}

bool has_examples(JsonValue body, std::string_view name) {
  const auto list = body.find(name);
  return list && list->size() > 0;
}

Result<GroupsRequest> parse_older_groups(JsonValue body, Status (*parse_target)(JsonValue, QueryRequest&)) {
  GroupsRequest request;
  ORTHANT_TRY(parse_older_frame(body, request.query));
  ORTHANT_TRY(parse_target(body, request.query));
  for (const char* name : {"group_size", "limit"}) ORTHANT_TRY(body.require(name));
  ORTHANT_TRY(parse_groups(body, request));
  return request;
}

// The older endpoints answer 400 where there is no example, the query language 422.
Status parse_recommend_target(JsonValue body, QueryRequest& request) {
  if (body.is_object() && !has_examples(body, "positive")) {
    const auto strategy = body.find("strategy");
    const bool averages = !strategy || strategy->raw() == "\"average_vector\"";
    if (averages) return bad_request("At least one positive vector ID required with this strategy");
    if (!has_examples(body, "negative"))
      return bad_request("At least one positive or negative vector ID required with this strategy");
  }
  request.query = ORTHANT_TRY(parse_recommendation(body));
  return {};
}

}  // namespace

Result<OrderBy> parse_order_by(JsonValue value) {
  const JsonValue key = value.is_string() ? value : ORTHANT_TRY(value.require("key"));
  OrderBy order{.key = ORTHANT_TRY(key.as_string())};
  if (!JsonPath::parse(order.key)) return key.format_error("Invalid json path: '" + order.key + "'");
  if (const auto direction = value.find("direction")) {
    const std::string name = ORTHANT_TRY(direction->as_string());
    if (name != "asc" && name != "desc") {
      return direction->format_error("unknown variant `" + name + "`, expected `asc` or `desc`");
    }
    order.descending = name == "desc";
  }
  const auto start = value.find("start_from");
  if (!start) return order;
  if (start->is_string()) {
    const auto time = parse_datetime_us(ORTHANT_TRY(start->as_string()));
    if (!time) return start->format_error("expected a number, or a date and time as RFC 3339 has it");
    order.start_from = *time;
  } else if (start->is_integer()) {
    order.start_from = ORTHANT_TRY(start->as_int());
  } else {
    order.start_from = ORTHANT_TRY(start->as_double());
  }
  return order;
}

Result<QueryRequest> parse_query(JsonValue body) {
  QueryRequest request;
  ORTHANT_TRY(parse_stage(body, request, 0));
  ORTHANT_TRY(parse_page(body, request));
  request.rerank = ORTHANT_TRY(parse_rerank(body));
  return request;
}

Result<GroupsRequest> parse_query_groups(JsonValue body) {
  GroupsRequest request;
  ORTHANT_TRY(parse_stage(body, request.query, 0));
  ORTHANT_TRY(parse_page(body, request.query));
  ORTHANT_TRY(parse_groups(body, request));
  return request;
}

Result<QueryRequest> parse_search(JsonValue body) {
  QueryRequest request;
  ORTHANT_TRY(parse_older_frame(body, request));
  request.vector_name.clear();
  request.limit = ORTHANT_TRY(require_limit(body));
  ORTHANT_TRY(parse_search_vector(body, request));
  return request;
}

Result<GroupsRequest> parse_search_groups(JsonValue body) {
  return parse_older_groups(body, parse_search_vector);
}

Result<QueryRequest> parse_recommend(JsonValue body) {
  QueryRequest request;
  ORTHANT_TRY(parse_older_frame(body, request));
  request.limit = ORTHANT_TRY(require_limit(body));
  ORTHANT_TRY(parse_recommend_target(body, request));
  return request;
}

Result<GroupsRequest> parse_recommend_groups(JsonValue body) {
  return parse_older_groups(body, parse_recommend_target);
}

Result<QueryRequest> parse_discover(JsonValue body) {
  QueryRequest request;
  ORTHANT_TRY(parse_older_frame(body, request));
  request.limit = ORTHANT_TRY(require_limit(body));
  std::vector<ExamplePair> pairs;
  if (const auto context = body.find("context")) pairs = ORTHANT_TRY(parse_pairs(*context));
  const auto target = body.find("target");
  if (target) {
    request.query = DiscoverQuery{ORTHANT_TRY(parse_example(*target)), std::move(pairs)};
  } else if (!pairs.empty()) {
    request.query = ContextQuery{std::move(pairs)};
  } else {
    return bad_request("No target or context given");
  }
  return request;
}

Result<std::vector<QueryRequest>> parse_batch(JsonValue body, ParseQuery parse) {
  const JsonValue searches = ORTHANT_TRY(body.require("searches"));
  ORTHANT_TRY(searches.expect_array());
  std::vector<QueryRequest> requests;
  for (const JsonValue search : searches.items()) requests.push_back(ORTHANT_TRY(parse(search)));
  return requests;
}

}  // namespace orthant::qdrant
