#include "api/qdrant/render.h"

namespace orthant::qdrant {
namespace {

// Each kind in the form that it has on input.
struct VectorWriter {
  JsonWriter& json;

  void operator()(const std::vector<float>& vector) const { json.numbers(vector); }
  void operator()(const SparseVector& vector) const {
    json.begin_object().key("indices").begin_array();
    for (const std::uint32_t index : vector.indices) json.number(index);
    json.end_array().key("values").numbers(vector.values).end_object();
  }
  void operator()(const MultiVector& vector) const {
    json.begin_array();
    for (std::size_t i = 0; i < vector.rows(); ++i) json.numbers(vector.row(i));
    json.end_array();
  }
};

// A point's only vector without a name stands alone, without an object around it.
void write_vectors(JsonWriter& json, const std::vector<std::pair<std::string, VectorValue>>& vectors) {
  if (vectors.size() == 1 && vectors[0].first.empty()) return std::visit(VectorWriter{json}, vectors[0].second);
  json.begin_object();
  for (const auto& [name, vector] : vectors) std::visit(VectorWriter{json.key(name)}, vector);
  json.end_object();
}

// Ours beside Qdrant's fields: the text that was encoded inside, an object by vector name where there are several.
void write_texts(JsonWriter& json, const std::vector<std::pair<std::string, std::string>>& texts) {
  json.key("text");
  if (texts.size() == 1) {
    json.string(texts[0].second);
    return;
  }
  json.begin_object();
  for (const auto& [name, text] : texts) json.key(name).string(text);
  json.end_object();
}

void write_contents(JsonWriter& json, const Record& record) {
  if (record.payload) json.key("payload").raw(*record.payload);
  if (!record.texts.empty()) write_texts(json, record.texts);
  if (record.order_value) {
    std::visit([&](auto value) { json.key("order_value").number(value); }, *record.order_value);
  }
  if (record.vectors) {
    json.key("vector");
    write_vectors(json, *record.vectors);
  }
}

std::string_view status_name(WriteStatus status) {
  switch (status) {
    case WriteStatus::kAcknowledged: return "acknowledged";
    case WriteStatus::kCompleted: return "completed";
    case WriteStatus::kWaitTimeout: return "wait_timeout";
  }
  return "acknowledged";
}

}  // namespace

void write_point_id(JsonWriter& json, const PointId& id) {
  if (id.is_uuid()) {
    json.string(id.to_string());
  } else {
    json.number(id.as_number());
  }
}

void write_record(JsonWriter& json, const Record& record) {
  json.begin_object().key("id");
  write_point_id(json, record.id);
  write_contents(json, record);
  json.end_object();
}

void write_records(JsonWriter& json, std::span<const Record> records) {
  json.begin_array();
  for (const Record& record : records) write_record(json, record);
  json.end_array();
}

void write_scored_points(JsonWriter& json, std::span<const ScoredPoint> points) {
  json.begin_array();
  for (const ScoredPoint& point : points) {
    json.begin_object().key("id");
    write_point_id(json, point.record.id);
    json.key("version").number(point.record.version).key("score").number(point.score);
    write_contents(json, point.record);
    json.end_object();
  }
  json.end_array();
}

void write_update_result(JsonWriter& json, const WriteResult& result) {
  json.begin_object().key("operation_id").number(result.operation_id).key("status").string(status_name(result.status));
  if (!result.truncated.empty()) {
    json.key("truncated").begin_array();
    for (const std::size_t position : result.truncated) json.number(position);
    json.end_array();
  }
  json.end_object();
}

}  // namespace orthant::qdrant
