#pragma once
// The values that cross the collection's door in both directions: which points are meant, what of them is asked for, what they
// hold. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/point_id.h"
#include "engine/payload/field_listing.h"
#include "engine/payload/filter.h"
#include "engine/vector_value.h"
#include "index/vector_index.h"

namespace orthant {

using PointSelector = std::variant<std::vector<PointId>, Filter>;

enum class UpdateMode { kUpsert, kInsertOnly, kUpdateOnly };

// All, nothing, or some: `include` / `exclude` are JSON paths for payload, vector names for vectors.
struct PayloadSelector {
  bool enabled = false;
  std::vector<std::string> include{};
  std::vector<std::string> exclude{};
};
struct VectorSelector {
  bool enabled = false;
  std::vector<std::string> names{};  // empty: all
};

// What a point holds, as asked for by the selectors.
struct Record {
  PointId id;
  std::uint64_t version = 0;           // operation that last changed the point
  std::optional<std::string> payload;  // JSON object
  // By vector name; only where asked for, and only vectors that the point has.
  std::optional<std::vector<std::pair<std::string, VectorValue>>> vectors;
  // Source texts by vector name, of vectors that came as text; filled where the whole payload was asked for.
  std::vector<std::pair<std::string, std::string>> texts;
  std::optional<OrderValue> order_value{};  // where the points are ordered by a field
};
struct ScoredPoint {
  Record record;
  float score = 0;
};

// How a vector's index stands.
struct IndexStatistics {
  IndexMemory memory;
  std::string quantizer;             // "sign", "rotated", "learned"; empty for users' codes
  std::string structure;             // what serves searches: "flat", "graph", "lists"
  std::uint64_t structure_rows = 0;  // rows that it covers
  CodeResidency codes = CodeResidency::kMemory;
};

}  // namespace orthant
