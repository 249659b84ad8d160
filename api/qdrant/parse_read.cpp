#include "api/qdrant/parse_read.h"

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_filter.h"

namespace orthant::qdrant {
namespace {

using QueryTarget = decltype(QueryRequest::query);

constexpr std::size_t kDefaultLimit = 10;

// Another point's vector by id, or a vector in any form.
Result<QueryTarget> parse_nearest(JsonValue value) {
  if (value.is_integer() || value.is_string()) return QueryTarget(ORTHANT_TRY(parse_point_id(value)));
  return QueryTarget(ORTHANT_TRY(parse_vector(value)));
}

Result<QueryTarget> parse_query_target(JsonValue value) {
  if (!value.is_object()) return parse_nearest(value);
  if (const auto nearest = value.find("nearest")) {
    if (const auto mmr = value.find("mmr")) return unsupported(*mmr);
    return parse_nearest(*nearest);
  }
  for (const char* name :
       {"recommend", "discover", "context", "order_by", "fusion", "rrf", "formula", "sample", "relevance_feedback"}) {
    if (const auto variant = value.find(name)) return unsupported(*variant);
  }
  return parse_nearest(value);
}

Status parse_quantization_params(JsonValue value, SearchParams& params) {
  ORTHANT_TRY(value.expect_object());
  if (ORTHANT_TRY(value.find_bool("ignore")).value_or(false)) params.exact = true;
  params.rescore = ORTHANT_TRY(value.find_bool("rescore"));
  params.oversampling = ORTHANT_TRY(value.find_double("oversampling"));
  if (params.oversampling && *params.oversampling < 1) {
    return ORTHANT_TRY(value.require("oversampling")).out_of_range("must be 1.0 or larger");
  }
  return {};
}

Result<SearchParams> parse_params(JsonValue body) {
  SearchParams params;
  const auto value = body.find("params");
  if (!value) return params;
  ORTHANT_TRY(value->expect_object());
  // The beam of a graph. Scans have none: the number is checked and has no effect. Rows that are not indexed do not exist.
  if (value->find("hnsw_ef")) params.effort = ORTHANT_TRY(find_size(*value, "hnsw_ef", 1, 1));
  ORTHANT_TRY(value->find_bool("indexed_only"));
  params.exact = ORTHANT_TRY(value->find_bool("exact")).value_or(false);
  if (const auto quantization = value->find("quantization")) ORTHANT_TRY(parse_quantization_params(*quantization, params));
  params.target_recall = ORTHANT_TRY(value->find_double("target_recall"));
  if (params.target_recall && (*params.target_recall <= 0 || *params.target_recall > 1)) {
    return ORTHANT_TRY(value->require("target_recall")).out_of_range("must be above 0.0 and at most 1.0");
  }
  if (const auto idf = value->find("idf")) return unsupported(*idf);
  return params;
}

// What query and search have in common.
Result<QueryRequest> parse_query_frame(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  QueryRequest request;
  request.filter = ORTHANT_TRY(find_filter(body));
  request.limit = ORTHANT_TRY(find_size(body, "limit", 1, kDefaultLimit));
  request.offset = ORTHANT_TRY(find_size(body, "offset", 0, 0));
  if (const auto threshold = body.find("score_threshold")) request.score_threshold = ORTHANT_TRY(threshold->as_float());
  request.payload = ORTHANT_TRY(parse_payload_selector(body, false));
  request.vectors = ORTHANT_TRY(parse_vector_selector(body));
  request.search = ORTHANT_TRY(parse_params(body));
  request.explain = ORTHANT_TRY(body.find_bool("explain")).value_or(false);
  return request;
}

Status parse_lookup(JsonValue body, QueryRequest& request) {
  const auto lookup = body.find("lookup_from");
  if (!lookup) return {};
  const JsonValue collection = ORTHANT_TRY(lookup->require("collection"));
  request.lookup_collection = ORTHANT_TRY(collection.as_string());
  request.lookup_vector = ORTHANT_TRY(lookup->find_string("vector")).value_or("");
  return {};
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

// A prefetch that is given must hold something to be refused: clients send empty lists.
Status refuse_prefetch(JsonValue body, bool has_query) {
  const auto prefetch = body.find("prefetch");
  if (!prefetch || (prefetch->is_array() && prefetch->size() == 0)) return {};
  if (!has_query) return bad_request("A query is needed to merge the prefetches. Can't have prefetches without defining a query.");
  return unsupported(*prefetch);
}

template <typename Parse>
auto parse_searches(JsonValue body, Parse parse) -> Result<std::vector<QueryRequest>> {
  const JsonValue searches = ORTHANT_TRY(body.require("searches"));
  ORTHANT_TRY(searches.expect_array());
  std::vector<QueryRequest> requests;
  for (const JsonValue search : searches.items()) requests.push_back(ORTHANT_TRY(parse(search)));
  return requests;
}

}  // namespace

Result<QueryRequest> parse_query(JsonValue body) {
  QueryRequest request = ORTHANT_TRY(parse_query_frame(body));
  const auto query = body.find("query");
  ORTHANT_TRY(refuse_prefetch(body, query.has_value()));
  request.vector_name = ORTHANT_TRY(body.find_string("using")).value_or("");
  if (query) request.query = ORTHANT_TRY(parse_query_target(*query));
  ORTHANT_TRY(parse_lookup(body, request));
  request.rerank = ORTHANT_TRY(parse_rerank(body));
  return request;
}

Result<std::vector<QueryRequest>> parse_query_batch(JsonValue body) {
  return parse_searches(body, parse_query);
}

Result<QueryRequest> parse_search(JsonValue body) {
  QueryRequest request = ORTHANT_TRY(parse_query_frame(body));
  if (!body.find("limit")) {
    if (!body.find("top")) return body.format_error("missing field `limit`");
    request.limit = ORTHANT_TRY(find_size(body, "top", 1, kDefaultLimit));
  }
  const JsonValue vector = ORTHANT_TRY(body.require("vector"));
  if (const auto inner = vector.find("vector")) {
    const JsonValue name = ORTHANT_TRY(vector.require("name"));
    request.vector_name = ORTHANT_TRY(name.as_string());
    request.query = ORTHANT_TRY(parse_vector(*inner));
  } else {
    request.query = ORTHANT_TRY(parse_vector(vector));
  }
  return request;
}

Result<std::vector<QueryRequest>> parse_search_batch(JsonValue body) {
  return parse_searches(body, parse_search);
}

Result<ScrollRequest> parse_scroll(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ScrollRequest request;
  if (const auto order_by = body.find("order_by")) return unsupported(*order_by);
  if (const auto offset = body.find("offset")) request.from = ORTHANT_TRY(parse_point_id(*offset));
  request.limit = ORTHANT_TRY(find_size(body, "limit", 1, kDefaultLimit));
  request.filter = ORTHANT_TRY(find_filter(body));
  request.payload = ORTHANT_TRY(parse_payload_selector(body, true));
  request.vectors = ORTHANT_TRY(parse_vector_selector(body));
  return request;
}

Result<std::optional<Filter>> parse_count(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ORTHANT_TRY(body.find_bool("exact"));
  return find_filter(body);
}

Result<RetrieveRequest> parse_retrieve(JsonValue body) {
  RetrieveRequest request;
  request.ids = ORTHANT_TRY(parse_point_ids(ORTHANT_TRY(body.require("ids"))));
  request.payload = ORTHANT_TRY(parse_payload_selector(body, true));
  request.vectors = ORTHANT_TRY(parse_vector_selector(body));
  return request;
}

}  // namespace orthant::qdrant
