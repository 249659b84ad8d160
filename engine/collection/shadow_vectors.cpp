#include "engine/collection/shadow_vectors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/float_values.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

// What the writer compares with, by slot.
struct Generations {
  std::uint32_t present = 0;
  std::optional<std::uint32_t> coming;  // while a re-embedding runs
};

std::vector<Generations> generations_of(const CollectionRecord& record) {
  std::vector<Generations> generations(record.slot_names.size());
  for (Slot slot = 0; slot < generations.size(); ++slot) {
    if (!record.slot_names.has(slot)) continue;
    const VectorConfig& config = record.config.vectors.at(record.slot_names[slot]);
    generations[slot].present = config.generation;
    if (config.reembedding) generations[slot].coming = config.last_generation;
  }
  return generations;
}

Status settle(PreparedPoint& point, const std::vector<Generations>& generations) {
  for (PreparedVector& vector : point.vectors) {
    if (is_shadow(vector.slot) || vector.slot >= generations.size()) continue;
    const std::uint32_t present = generations[vector.slot].present;
    if (vector.generation == present) continue;
    const auto shadow = std::ranges::find(point.vectors, shadow_of(vector.slot), &PreparedVector::slot);
    if (shadow == point.vectors.end() || shadow->generation != present) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("point {}: another model has taken over the vector meanwhile, send it again", point.id.to_string()));
    }
    vector.bytes = std::move(shadow->bytes);
    vector.generation = present;
  }
  std::erase_if(point.vectors, [&](const PreparedVector& vector) {
    if (!is_shadow(vector.slot)) return false;
    const Slot slot = without_shadow(vector.slot);
    return slot >= generations.size() || vector.generation != generations[slot].coming;
  });
  return {};
}

std::vector<PreparedPoint>* points_of(WriteOp& op) {
  if (auto* upsert = std::get_if<UpsertOp>(&op)) return &upsert->points;
  if (auto* update = std::get_if<UpdateVectorsOp>(&op)) return &update->points;
  return nullptr;
}

}  // namespace

std::string shadow_value(std::uint32_t generation, std::string_view bytes) {
  std::string value;
  value.reserve(sizeof generation + bytes.size());
  append_value(value, generation);
  value.append(bytes);
  return value;
}

std::optional<Shadow> parse_shadow(std::string_view value) {
  const auto generation = ByteReader(value).read<std::uint32_t>();
  if (!generation) return std::nullopt;
  return Shadow{*generation, value.substr(sizeof *generation)};
}

Status settle_generations(WriteOp& op, const CollectionRecord& record) {
  std::vector<PreparedPoint>* points = points_of(op);
  if (points == nullptr || points->empty()) return {};
  const std::vector<Generations> generations = generations_of(record);
  for (PreparedPoint& point : *points) ORTHANT_TRY(settle(point, generations));
  return {};
}

Result<std::string> stored_embedding(const VectorConfig& config, std::size_t dim, const VectorValue& value) {
  if (!all_finite(values_of(value))) return invalid_argument("vector: holds a value that is not finite");
  if (config.kind == VectorKind::kSparse) {
    const auto* sparse = std::get_if<SparseVector>(&value);
    if (sparse == nullptr) return invalid_argument("the model gives no sparse vectors");
    return stored_bytes(*sparse);
  }
  const auto* floats = std::get_if<std::vector<float>>(&value);
  if (floats == nullptr) return invalid_argument("the model gives no dense vectors");
  if (floats->size() != dim) {
    return invalid_argument(fmt::format("Vector dimension error: expected dim: {}, got {}", dim, floats->size()));
  }
  std::vector<float> stored = *floats;
  if (config.index.metric == Metric::kCosine && config.datatype != VectorDatatype::kUint8) scale_to_unit_length(stored);
  std::string bytes;
  ORTHANT_TRY(append_numbers(config.datatype, stored, bytes));
  return bytes;
}

}  // namespace orthant
