// What /telemetry tells of the collections. One node holds the one shard of each, and a shard is one segment.

#include <string>

#include "api/qdrant/collection_settings.h"
#include "api/service/telemetry.h"

namespace orthant::service {
namespace {

using qdrant::CollectionSettings;

void write_status(JsonWriter& json, const CollectionInfo& info) {
  if (!info.fault) {
    json.string("ok");
    return;
  }
  json.begin_object().key("error").string(info.fault->message).end_object();
}

void write_no_answers(JsonWriter& json) {
  json.begin_object().key("count").number(0U).end_object();
}

std::uint64_t memory_bytes(const CollectionInfo& info) {
  std::uint64_t bytes = 0;
  for (const auto& [name, index] : info.indexes) bytes += index.memory.total();
  return bytes;
}

void write_segment(JsonWriter& json, const CollectionInfo& info) {
  json.begin_object().key("info").begin_object().key("uuid").string("00000000-0000-0000-0000-000000000000");
  json.key("segment_type").string("indexed").key("num_vectors").number(info.indexed_vectors_count);
  json.key("num_points").number(info.points_count).key("num_indexed_vectors").number(info.indexed_vectors_count);
  json.key("num_deleted_vectors").number(0U).key("vectors_size_bytes").number(info.vector_bytes);
  json.key("payloads_size_bytes").number(info.payload_bytes).key("ram_usage_bytes").number(memory_bytes(info));
  json.key("disk_usage_bytes").number(info.payload_bytes + info.vector_bytes).key("is_appendable").boolean(true);
  json.key("index_schema").begin_object().end_object().key("vector_data").begin_object().end_object().end_object();
  json.key("config").begin_object().key("payload_storage_type").begin_object().key("type").string("mmap").end_object();
  json.end_object().key("vector_index_searches").begin_array().end_array();
  json.key("payload_field_indices").begin_array();
  for (const auto& [field, index] : info.field_indexes) {
    json.begin_object().key("field_name").string(field).key("index_type").string("memory");
    json.key("points_values_count").number(index.points).key("points_count").number(index.points).end_object();
  }
  json.end_array().end_object();
}

void write_local_shard(JsonWriter& json, const CollectionInfo& info, bool with_segments) {
  json.begin_object().key("variant_name").string("local shard").key("status").string(info.fault ? "red" : "green");
  json.key("total_optimized_points").number(0U).key("vectors_size_bytes").number(info.vector_bytes);
  json.key("payloads_size_bytes").number(info.payload_bytes).key("num_points").number(info.points_count);
  json.key("num_vectors").number(info.indexed_vectors_count);
  if (with_segments) {
    json.key("segments").begin_array();
    write_segment(json, info);
    json.end_array();
  }
  write_status(json.key("optimizations").begin_object().key("status"), info);
  write_no_answers(json.key("optimizations"));
  json.end_object().key("async_scorer").boolean(false).end_object();
}

void write_shards(JsonWriter& json, const CollectionInfo& info, bool with_segments) {
  json.key("shards").begin_array().begin_object().key("id").number(0U).key("key").null();
  write_local_shard(json.key("local"), info, with_segments);
  json.key("remote").begin_array().end_array();
  json.key("replicate_states").begin_object().key("1").string(info.fault ? "Dead" : "Active").end_object();
  json.key("partial_snapshot").begin_object().key("ongoing_create_snapshot_requests").number(0U);
  json.key("is_recovering").boolean(false).key("recovery_timestamp").number(0U).end_object().end_object().end_array();
  json.key("transfers").begin_array().end_array().key("resharding").begin_array().end_array();
}

void write_collection(JsonWriter& json, const std::string& name, const CollectionInfo& info, const CollectionSettings& settings,
                      std::size_t level) {
  json.begin_object();
  if (level == 1) {
    json.key("vectors").number(info.indexed_vectors_count);
    write_status(json.key("optimizers_status"), info);
    write_qdrant_params(json.key("params"), info, settings);
  } else {
    json.key("id").string(name).key("init_time_ms").number(0U);
    write_qdrant_config(json.key("config"), info, settings);
    if (level > 2) write_shards(json, info, level > 3);
  }
  json.end_object();
}

}  // namespace

void write_collections(JsonWriter& json, const Engine* engine, const Grants* grants, std::size_t level) {
  const std::vector<std::string> names = engine == nullptr ? std::vector<std::string>() : engine->collection_names();
  json.begin_object().key("number_of_collections").number(names.size());
  if (level > 0) json.key("collections").begin_array();
  for (std::size_t i = 0; level > 0 && i < names.size(); ++i) {
    if (!may_read(grants, names[i])) continue;
    const Result<CollectionInfo> info = engine->collection_info(names[i]);
    if (!info) continue;  // dropped meanwhile
    const Result<CollectionSettings> settings = CollectionSettings::from_json(info->config.dialect_json);
    if (settings) write_collection(json, names[i], *info, *settings, level);
  }
  if (level > 0) json.end_array();
  json.end_object();
}

}  // namespace orthant::service
