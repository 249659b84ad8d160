#include "api/quality/render.h"

#include <chrono>
#include <ctime>

#include <fmt/format.h>

#include "base/date_text.h"

namespace orthant::quality {
namespace {

void write_point(JsonWriter& json, const QualityPoint& point) {
  json.begin_object()
      .key("stages")
      .string(point.stages)
      .key("structure")
      .string(point.structure)
      .key("first_stage")
      .string(point.first_stage);
  json.key("target_recall").number(point.target_recall);
  json.key("recall@10").number(point.recall).key("recall_error").number(point.recall_error);
  json.key("recall_of_rows").number(point.recall_of_rows).key("recall_of_moved").number(point.recall_of_moved);
  json.key("us_per_query").begin_object().key("cpu").number(point.cpu_microseconds);
  json.key("wall").number(point.wall_microseconds).end_object();
  json.key("effort").number(point.effort).key("first_depth").number(point.first_depth);
  json.key("int8_depth").number(point.int8_depth).key("visited").number(point.visited);
  json.key("compared").number(point.compared).key("rescored").number(point.rescored);
  json.key("with_floats").number(point.with_floats).key("queries").number(point.queries).end_object();
}

void write_codes(JsonWriter& json, const QualityCodes& codes) {
  json.begin_object().key("name").string(codes.quantizer).key("bits").number(std::uint64_t{codes.bits});
  json.key("trained").boolean(codes.trained);
  json.key("trained_rows").number_or_null(codes.trained_rows);
  json.key("error").number_or_null(codes.error);
  json.key("error_ratio").number_or_null(codes.error_ratio);
  json.end_object();
}

void write_bytes(JsonWriter& json, const MeasuredQuality& measured) {
  const IndexMemory& memory = measured.index.memory;
  const double rows = std::max(1.0, static_cast<double>(measured.index.rows));
  const auto per_row = [rows](std::size_t bytes) { return static_cast<double>(bytes) / rows; };
  json.begin_object().key("memory").number(per_row(memory.total())).key("memory_parts").begin_object();
  json.key("codes").number(per_row(memory.binary_bytes)).key("int8").number(per_row(memory.int8_bytes));
  json.key("floats").number(per_row(memory.float_bytes)).key("structure").number(per_row(memory.structure_bytes));
  json.key("other").number(per_row(memory.other_bytes)).end_object();
  const auto stored = static_cast<double>(measured.store_bytes_per_row);
  json.key("disk").number(stored + per_row(memory.disk_bytes)).key("disk_parts").begin_object();
  json.key("vectors").number(stored).key("codes").number(per_row(memory.disk_bytes)).end_object().end_object();
}

void write_calibration(JsonWriter& json, const IndexQuality& quality) {
  json.begin_object().key("rows").number(quality.calibrated_rows).key("table").begin_array();
  for (const QualityCalibration& entry : quality.calibration) {
    json.begin_object().key("target_recall").number(entry.target_recall).key("first_stage").string(entry.first_stage);
    json.key("first_oversampling").number(entry.first_oversampling);
    json.key("first_margin").number_or_null(entry.first_margin);
    json.key("int8_oversampling").number(entry.int8_oversampling);
    json.key("int8_margin").number_or_null(entry.int8_margin);
    json.key("effort").number(entry.effort).key("effort_cost").number(entry.effort_cost).end_object();
  }
  json.end_array().end_object();
}

void write_judged(JsonWriter& json, const JudgedQuality& judged) {
  json.begin_object().key("queries").number(judged.queries).key("judged_points").number(judged.judged_points);
  json.key("missing_points").number(judged.missing_points).key("truncated_queries").number(judged.truncated);
  json.key("ndcg@10").number(judged.ndcg_at_10).key("exact_ndcg@10").number(judged.exact_ndcg_at_10);
  json.key("retention").number(judged.retention);
  json.key("judged_recall@10").number(judged.recall_at_10).key("exact_judged_recall@10").number(judged.exact_recall_at_10);
  write_point(json.key("served"), judged.served);
  json.end_object();
}

std::string utc_time(std::chrono::system_clock::time_point time) {
  return timestamp_text(std::chrono::system_clock::to_time_t(time), 1, true);
}

std::string csv_line(const QualityPoint& point, bool served) {
  return fmt::format("{},{},{},{},{:.6f},{:.6f},{:.6f},{:.6f},{:.3f},{:.3f},{},{},{},{:.1f},{:.1f},{:.1f},{:.1f},{}\n",
                     served ? 1 : 0, point.structure, point.first_stage, point.target_recall, point.recall, point.recall_error,
                     point.recall_of_rows, point.recall_of_moved, point.cpu_microseconds, point.wall_microseconds, point.effort,
                     point.first_depth, point.int8_depth, point.visited, point.compared, point.rescored, point.with_floats,
                     point.queries);
}

}  // namespace

void write_quality(JsonWriter& json, const QualitySubject& subject, const CollectionQuality& quality) {
  const MeasuredQuality& measured = *quality.answer.measured;
  const IndexQuality& index = measured.index;
  json.begin_object().key("collection").string(subject.collection).key("vector").string(subject.vector);
  json.key("measured_at").string(utc_time(measured.measured_at)).key("kept").boolean(quality.answer.kept);
  json.key("outdated").boolean(quality.answer.outdated).key("complete").boolean(index.complete);
  json.key("cpu_seconds").number(index.cpu_seconds).key("samples").number(measured.sampled_rows);
  if (!index.why_not.empty()) json.key("why_not").string(index.why_not);
  json.key("size").number(index.config.dim).key("distance").string(metric_name(index.config.metric));
  json.key("target_recall").number(index.config.target_recall).key("served");
  if (index.served) {
    write_point(json, *index.served);
  } else {
    json.null();
  }
  json.key("rows").number(index.rows).key("live_rows").number(index.live_rows).key("structure").begin_object();
  json.key("name").string(index.structure).key("rows").number(index.structure_rows).end_object();
  write_codes(json.key("quantizer"), index.codes);
  write_bytes(json.key("bytes_per_vector"), measured);
  write_calibration(json.key("calibration"), index);
  json.key("curve").begin_array();
  for (const QualityPoint& point : index.curve) write_point(json, point);
  json.end_array().key("forms").begin_array();
  for (const QualityPoint& point : index.forms) write_point(json, point);
  json.end_array();
  if (quality.judged) write_judged(json.key("judged"), *quality.judged);
  json.end_object();
}

std::string quality_csv(const IndexQuality& quality) {
  std::string csv =
      "served,structure,first_stage,target_recall,recall@10,recall_error,recall_of_rows,recall_of_moved,cpu_us,wall_us,effort,"
      "first_depth,int8_depth,visited,compared,rescored,with_floats,queries\n";
  if (quality.served) csv += csv_line(*quality.served, true);
  for (const QualityPoint& point : quality.curve) csv += csv_line(point, false);
  return csv;
}

}  // namespace orthant::quality
