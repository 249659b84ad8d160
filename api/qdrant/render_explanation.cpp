// "explain" in the answer to a query: docs/http_api.md describes it field by field.

#include "api/qdrant/render.h"

namespace orthant::qdrant {
namespace {

void write_filter(JsonWriter& json, const FilterTrace& filter) {
  json.begin_object().key("answered_by").string(filter_source_name(filter.source));
  json.key("allowed_rows").number(filter.allowed_rows).key("live_rows").number(filter.live_rows);
  json.key("read_payloads").number(filter.read_payloads).key("time_us").number(filter.microseconds);
  json.key("conditions").begin_array();
  for (const ConditionTrace& condition : filter.conditions) {
    json.begin_object().key("clause").string(condition.clause).key("condition").string(condition.condition);
    json.key("answered_by").string(filter_source_name(condition.source));
    json.key("possible_rows").number(condition.possible_rows).end_object();
  }
  json.end_array().end_object();
}

void write_plan(JsonWriter& json, const PlanTrace& plan) {
  json.begin_object().key("reason").string(plan.reason).key("target_recall").number(plan.target_recall);
  json.key("calibration").begin_object().key("target_recall").number_or_null(plan.calibrated_target);
  json.key("rows").number(plan.calibrated_rows).end_object();
  json.key("costs").begin_object().key("scan").number(plan.scan_cost).key("structure");
  if (plan.source_cost > 0) {
    json.number(plan.source_cost);
  } else {
    json.null();
  }
  json.key("listed").number(plan.listed_cost).end_object();
  json.key("effort").number(plan.effort).key("first_depth").number(plan.first_depth);
  json.key("first_margin").number_or_null(plan.first_margin);
  json.key("int8_depth").number(plan.int8_depth);
  json.key("int8_margin").number_or_null(plan.int8_margin);
  json.key("rows").number(plan.row_count).key("eligible_rows").number(plan.eligible_count);
  json.key("structure_rows").number(plan.covered_count).end_object();
}

void write_stages(JsonWriter& json, const std::vector<SearchTrace::Stage>& stages) {
  json.begin_array();
  for (const SearchTrace::Stage& stage : stages) {
    json.begin_object().key("name").string(stage.name);
    json.key("candidates_in").number(stage.candidates_in).key("candidates_out").number(stage.candidates_out);
    json.key("visited").number(stage.visited).key("compared").number(stage.compared);
    json.key("entry_bound").number_or_null(stage.entry_bound);
    json.key("bound").number_or_null(stage.bound);
    json.key("time_us").number(stage.microseconds).end_object();
  }
  json.end_array();
}

void write_settings(JsonWriter& json, const SearchExplanation& search) {
  json.begin_object().key("size").number(search.config.dim).key("distance").string(metric_name(search.config.metric));
  json.key("target_recall").number(search.config.target_recall);
  json.key("structure").string(structure_name(search.config.structure)).key("serving_structure").string(search.structure);
  json.key("binary_codes").string(binary_codes_name(search.config.binary_codes)).key("quantizer").string(search.quantizer);
  json.key("code_bits").number(std::uint64_t{search.config.code_bits});
  json.key("int8_codes").string(int8_codes_name(search.config.int8_codes)).end_object();
}

}  // namespace

void write_explanation(JsonWriter& json, const QueryExplanation& explanation) {
  json.begin_object();
  if (explanation.encoding) {
    json.key("encoding").begin_object().key("model").string(explanation.encoding->model);
    json.key("cached").boolean(explanation.encoding->cached);
    json.key("time_us").number(explanation.encoding->microseconds).end_object();
  }
  if (const auto& search = explanation.search) {
    if (search->filter) write_filter(json.key("filter"), *search->filter);
    write_plan(json.key("plan"), search->trace.plan);
    write_stages(json.key("stages"), search->trace.stages);
    write_settings(json.key("settings"), *search);
    json.key("search_time_us").number(search->search_microseconds);
    json.key("records_time_us").number(search->record_microseconds);
  }
  if (explanation.rerank_microseconds) json.key("rerank_time_us").number(*explanation.rerank_microseconds);
  json.key("time_us").number(explanation.microseconds).end_object();
}

}  // namespace orthant::qdrant
