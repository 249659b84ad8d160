#include <fmt/format.h>

#include "api/service/process_metrics.h"

namespace orthant::service {
namespace {

void add_collection(MetricsText& text, const std::string& name, const CollectionInfo& info) {
  const std::string id = metric_label("id", name);
  std::size_t memory = 0;
  std::size_t disk = 0;
  for (const auto& [vector, index] : info.indexes) {
    memory += index.memory.total();
    disk += index.memory.disk_bytes;
    text.gauge("collection_vectors", "Vectors of a collection by name", static_cast<double>(info.points_count),
               fmt::format("{},{}", id, metric_label("vector", vector)));
    text.gauge("orthant_index_structure_rows", "Rows that an index's graph or lists cover",
               static_cast<double>(index.structure_rows),
               fmt::format("{},{},{}", id, metric_label("vector", vector), metric_label("structure", index.structure)));
  }
  text.gauge("collection_points", "Points of a collection", static_cast<double>(info.points_count), id);
  text.gauge("collection_vectors_memory_bytes", "Memory of a collection's vectors", static_cast<double>(memory), id);
  text.gauge("collection_vectors_disk_bytes", "Bytes of a collection's codes that live in files in place of memory",
             static_cast<double>(disk), id);
  text.gauge("collection_queued_writes", "Writes that wait for a collection's writer", static_cast<double>(info.queued_writes), id);
  text.gauge("collection_field_indexes", "Payload indexes of a collection", static_cast<double>(info.field_indexes.size()), id);
}

}  // namespace

void add_engine_metrics(MetricsText& text, const Engine& engine) {
  const std::vector<std::string> names = engine.collection_names();
  text.gauge("collections_total", "Collections", static_cast<double>(names.size()));
  std::uint64_t vectors = 0;
  std::size_t damaged = 0;
  for (const std::string& name : names) {
    const Result<CollectionInfo> info = engine.collection_info(name);
    if (!info || info->fault) ++damaged;
    if (!info) continue;
    add_collection(text, name, *info);
    vectors += info->indexed_vectors_count;
  }
  text.gauge("collections_vector_total", "Vectors of all collections", static_cast<double>(vectors));
  text.gauge("orthant_collections_damaged", "Collections that take no requests because their data is damaged",
             static_cast<double>(damaged));
  for (const PoolFigures& pool : engine.pools()) {
    text.gauge("orthant_pool_threads", "Threads of a pool", static_cast<double>(pool.threads), metric_label("pool", pool.name));
    text.gauge("orthant_pool_queued", "Tasks that wait for a thread of a pool", static_cast<double>(pool.queued),
               metric_label("pool", pool.name));
  }
  for (const auto& [name, value] : engine.store_figures()) {
    text.gauge("orthant_rocksdb_" + name, "RocksDB's figure of that name, summed over its families", static_cast<double>(value));
  }
}

}  // namespace orthant::service
