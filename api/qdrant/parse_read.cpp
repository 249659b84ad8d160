#include "api/qdrant/parse_read.h"

#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_filter.h"
#include "api/qdrant/parse_query.h"
#include "engine/payload/json_path.h"

namespace orthant::qdrant {
namespace {

constexpr std::size_t kDefaultLimit = 10;

}  // namespace

Result<ScrollRequest> parse_scroll(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ScrollRequest request;
  if (const auto order_by = body.find("order_by")) request.order_by = ORTHANT_TRY(parse_order_by(*order_by));
  if (const auto offset = body.find("offset")) request.from = ORTHANT_TRY(parse_point_id(*offset));
  if (request.order_by && request.from) {
    return invalid_argument(
        "Cannot use an `offset` when using `order_by`. The alternative for paging is to use "
        "`order_by.start_from` and a filter to exclude the ids that were already seen for that value.");
  }
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

Result<FacetRequest> parse_facet(JsonValue body) {
  FacetRequest request;
  const JsonValue key = ORTHANT_TRY(body.require("key"));
  request.key = ORTHANT_TRY(key.as_string());
  if (!JsonPath::parse(request.key)) return key.format_error("Invalid json path: '" + request.key + "'");
  request.limit = ORTHANT_TRY(find_size(body, "limit", 1, kDefaultLimit));
  request.filter = ORTHANT_TRY(find_filter(body));
  ORTHANT_TRY(body.find_bool("exact"));
  return request;
}

Result<MatrixRequest> parse_matrix(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  MatrixRequest request;
  // What other endpoints would ignore would here compare another vector.
  if (const auto name = body.find("vector_name")) return name->format_error("unknown field `vector_name`, expected `using`");
  request.vector_name = ORTHANT_TRY(body.find_string("using")).value_or("");
  request.filter = ORTHANT_TRY(find_filter(body));
  request.sample = ORTHANT_TRY(find_size(body, "sample", 2, request.sample));
  request.limit = ORTHANT_TRY(find_size(body, "limit", 1, request.limit));
  return request;
}

}  // namespace orthant::qdrant
