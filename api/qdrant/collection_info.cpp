// The answer to GET /collections/{c}. Its members have Qdrant's names and defaults; what was given wins over a default.

#include <algorithm>
#include <map>

#include "api/json/json_reader.h"
#include "api/qdrant/collection_settings.h"
#include "api/qdrant/json_fields.h"

namespace orthant::qdrant {
namespace {

JsonFields with_defaults(JsonFields defaults, const JsonFields& given) {
  for (const auto& [name, text] : given) defaults.insert_or_assign(name, text);
  return defaults;
}

const JsonFields& default_params() {
  static const JsonFields fields = {
      {"shard_number", "1"}, {"replication_factor", "1"}, {"write_consistency_factor", "1"}, {"on_disk_payload", "true"}};
  return fields;
}
const JsonFields& default_hnsw() {
  static const JsonFields fields = {
      {"m", "16"}, {"ef_construct", "100"}, {"full_scan_threshold", "10000"}, {"max_indexing_threads", "0"}, {"on_disk", "false"}};
  return fields;
}
const JsonFields& default_optimizers() {
  static const JsonFields fields = {{"deleted_threshold", "0.2"},    {"vacuum_min_vector_number", "1000"},
                                    {"default_segment_number", "0"}, {"max_segment_size", "null"},
                                    {"memmap_threshold", "null"},    {"indexing_threshold", "10000"},
                                    {"flush_interval_sec", "5"},     {"max_optimization_threads", "null"}};
  return fields;
}
const JsonFields& default_wal() {
  static const JsonFields fields = {{"wal_capacity_mb", "32"}, {"wal_segments_ahead", "0"}, {"wal_retain_closed", "1"}};
  return fields;
}

std::string vector_params(const VectorConfig& config, const JsonFields& options) {
  JsonFields fields = options;
  std::erase_if(fields, [](const auto& field) { return field.second == "null"; });
  fields["size"] = std::to_string(config.index.dim);
  fields["distance"] = '"' + std::string(metric_name(config.index.metric)) + '"';
  return fields_to_json(fields);
}

void write_vectors(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings) {
  const auto params_of = [&](const std::string& name, const VectorConfig& config) {
    const auto options = settings.vectors.find(name);
    return vector_params(config, options == settings.vectors.end() ? JsonFields() : options->second);
  };
  std::map<std::string, VectorConfig> vectors = info.config.vectors;
  std::erase_if(vectors, [](const auto& vector) { return vector.second.kind == VectorKind::kSparse; });
  if (vectors.size() == 1 && vectors.begin()->first.empty()) {
    json.raw(params_of("", vectors.begin()->second));
    return;
  }
  json.begin_object();
  for (const auto& [name, config] : vectors) json.key(name).raw(params_of(name, config));
  json.end_object();
}

// Only where the collection has any, or had.
void write_sparse_vectors(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings) {
  const auto is_sparse = [](const auto& vector) { return vector.second.kind == VectorKind::kSparse; };
  if (std::ranges::none_of(info.config.vectors, is_sparse) && !settings.had_sparse) return;
  json.key("sparse_vectors").begin_object();
  for (const auto& [name, config] : info.config.vectors) {
    if (config.kind != VectorKind::kSparse) continue;
    const auto options = settings.sparse_vectors.find(name);
    write_fields(json.key(name), options == settings.sparse_vectors.end() ? JsonFields() : options->second);
  }
  json.end_object();
}

std::string_view kind_name(VectorKind kind) {
  switch (kind) {
    case VectorKind::kDense: return "dense";
    case VectorKind::kSparse: return "sparse";
    case VectorKind::kMulti: return "multi";
  }
  return "dense";
}

std::string_view form_name(VectorForm form) {
  switch (form) {
    case VectorForm::kFloat32: return "float32";
    case VectorForm::kInt8: return "int8";
    case VectorForm::kUbinary: return "ubinary";
  }
  return "float32";
}

// How the index stands now: what was chosen, and what it takes.
void write_index(JsonWriter& json, const IndexStatistics& index) {
  json.key("index").begin_object().key("structure").string(index.structure);
  json.key("structure_rows").number(index.structure_rows);
  json.key("codes").string(code_residency_name(index.codes));
  json.key("quantizer").string(index.quantizer).end_object();
  const IndexMemory& memory = index.memory;
  json.key("memory").begin_object().key("binary_bytes").number(memory.binary_bytes);
  json.key("int8_bytes").number(memory.int8_bytes).key("float_bytes").number(memory.float_bytes);
  json.key("structure_bytes").number(memory.structure_bytes).key("other_bytes").number(memory.other_bytes);
  json.key("disk_bytes").number(memory.disk_bytes).end_object();
}

void write_reembeddings(JsonWriter& json, const CollectionInfo& info) {
  if (info.reembeddings.empty()) return;
  json.key("reembeddings").begin_array();
  for (const auto& [name, progress] : info.reembeddings) write_reembedding(json, name, progress);
  json.end_array();
}

// What only Orthant has stands apart: clients parse the vectors' parameters strictly.
void write_orthant_part(JsonWriter& json, const CollectionInfo& info) {
  json.begin_object().key("vectors").begin_object();
  for (const auto& [name, config] : info.config.vectors) {
    json.key(name).begin_object().key("kind").string(kind_name(config.kind));
    json.key("form").string(form_name(config.index.form));
    json.key("target_recall").number(config.index.target_recall);
    json.key("structure").string(structure_name(config.index.structure));
    json.key("binary_codes").string(binary_codes_name(config.index.binary_codes));
    json.key("code_bits").number(std::uint64_t{config.index.code_bits});
    json.key("int8_codes").string(int8_codes_name(config.index.int8_codes));
    if (config.encoder) {
      json.key("encoder").begin_object().key("model").string(config.encoder->model);
      json.key("model_sha256").string(config.encoder->model_sha256);
      json.key("weight_precision").string(config.encoder->weight_precision);
      json.key("pooling").string(config.encoder->pooling);
      if (config.encoder->query_prompt) json.key("query_prompt").string(*config.encoder->query_prompt);
      if (config.encoder->document_prompt) json.key("document_prompt").string(*config.encoder->document_prompt);
      json.end_object();
    }
    json.key("memory_budget_bytes").number(std::uint64_t{config.index.memory_budget_bytes});
    if (const auto index = info.indexes.find(name); index != info.indexes.end()) write_index(json, index->second);
    json.end_object();
  }
  json.end_object();
  write_reembeddings(json, info);
  json.end_object();
}

// The members, in an object that is open.
void write_config_members(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings) {
  write_qdrant_params(json.key("params"), info, settings);
  write_fields(json.key("hnsw_config"), with_defaults(default_hnsw(), settings.hnsw_config));
  write_fields(json.key("optimizer_config"), with_defaults(default_optimizers(), settings.optimizers_config));
  write_fields(json.key("wal_config"), with_defaults(default_wal(), settings.wal_config));
  json.key("quantization_config").raw(settings.quantization_config.empty() ? "null" : settings.quantization_config);
  if (!settings.strict_mode_config.empty()) write_fields(json.key("strict_mode_config"), settings.strict_mode_config);
  if (!settings.metadata.empty()) write_fields(json.key("metadata"), settings.metadata);
}

void write_payload_schema(JsonWriter& json, const CollectionSettings& settings, const FieldCounts& counts) {
  json.begin_object();
  for (const auto& [field, schema] : settings.payload_schema) {
    json.key(field).begin_object().key("data_type");
    const bool is_name = schema.starts_with('"');
    if (is_name) {
      json.raw(schema);
    } else {
      const auto document = JsonDocument::parse(schema);
      json.raw(document ? document->root().require("type")->raw() : "null").key("params").raw(schema);
    }
    const auto count = counts.find(field);
    json.key("points").number(count == counts.end() ? std::uint64_t{0} : count->second).end_object();
  }
  json.end_object();
}

}  // namespace

void write_reembedding(JsonWriter& json, std::string_view vector_name, const ReembedProgress& progress) {
  json.begin_object().key("status").string(reembed_phase_name(progress.phase)).key("vector").string(vector_name);
  json.key("model").string(progress.model);
  if (!progress.model_before.empty()) json.key("model_before").string(progress.model_before);
  json.key("texts").number(progress.texts).key("encoded").number(progress.encoded);
  json.key("resumed").number(progress.resumed).key("truncated").number(progress.truncated);
  json.key("tokens").number(progress.tokens).key("seconds").number(progress.seconds);
  if (progress.seconds_left) json.key("seconds_left").number(*progress.seconds_left);
  if (progress.error) json.key("error").string(progress.error->message);
  json.end_object();
}

void write_qdrant_params(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings) {
  json.begin_object().key("vectors");
  write_vectors(json, info, settings);
  write_sparse_vectors(json, info, settings);
  for (const auto& [name, text] : with_defaults(default_params(), settings.params)) json.key(name).raw(text);
  json.end_object();
}

void write_qdrant_config(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings) {
  json.begin_object();
  write_config_members(json, info, settings);
  json.end_object();
}

void write_collection_info(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings,
                           const FieldCounts& counts) {
  json.begin_object().key("status").string(info.fault ? "red" : "green").key("optimizer_status");
  if (info.fault) {
    json.begin_object().key("error").string(info.fault->message).end_object();
  } else {
    json.string("ok");
  }
  // A threshold of 0 turns indexing off: searches are exact.
  const auto threshold = settings.optimizers_config.find("indexing_threshold");
  const bool indexed = threshold == settings.optimizers_config.end() || threshold->second != "0";
  json.key("indexed_vectors_count").number(indexed ? info.indexed_vectors_count : 0);
  json.key("points_count").number(info.points_count).key("segments_count").number(1U);
  json.key("config").begin_object();
  write_config_members(json, info, settings);
  write_orthant_part(json.key("orthant"), info);
  json.end_object();
  write_payload_schema(json.key("payload_schema"), settings, counts);
  json.key("update_queue").begin_object().key("length").number(info.queued_writes).end_object();
  if (!settings.created_at.empty()) json.key("created_at").string(settings.created_at);
  json.end_object();
}

}  // namespace orthant::qdrant
