#include "api/qdrant/parse_search_params.h"

#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_filter.h"

namespace orthant::qdrant {
namespace {

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

// Filtered walks of a graph are as exact as calibrated here: checked, without effect.
Status check_acorn(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  ORTHANT_TRY(value.find_bool("enable"));
  const auto selectivity = ORTHANT_TRY(value.find_double("max_selectivity"));
  if (selectivity && !(*selectivity >= 0 && *selectivity <= 1)) {
    return ORTHANT_TRY(value.require("max_selectivity")).out_of_range("must be from 0.0 to 1.0");
  }
  return {};
}

}  // namespace

Result<std::optional<Filter>> parse_idf(JsonValue body) {
  const auto params = body.find("params");
  const auto value = params ? params->find("idf") : std::nullopt;
  if (!value) return std::optional<Filter>();
  if (value->is_object()) return std::optional<Filter>(ORTHANT_TRY(parse_filter(ORTHANT_TRY(value->require("corpus")))));
  const std::string name = ORTHANT_TRY(value->as_string());
  if (name != "global") return value->format_error("unknown variant `" + name + "`, expected `global` or {\"corpus\": ..}");
  return std::optional<Filter>();
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
  if (const auto acorn = value->find("acorn")) ORTHANT_TRY(check_acorn(*acorn));
  return params;
}

}  // namespace orthant::qdrant
