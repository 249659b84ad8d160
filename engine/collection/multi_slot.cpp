#include "engine/collection/multi_slot.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/float_values.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

struct MultiRows final : SlotRows {
  std::vector<std::vector<float>> rows;  // empty where the row has none
};

void scale_rows(std::span<float> values, std::size_t dim) {
  for (std::size_t i = 0; i < values.size(); i += dim) scale_to_unit_length(values.subspan(i, dim));
}

}  // namespace

Status MultiSlot::check_query(const VectorValue& query) const {
  if (std::holds_alternative<SparseVector>(query)) {
    return invalid_argument("Conversion between sparse and regular vectors failed");
  }
  const auto* multi = std::get_if<MultiVector>(&query);
  const std::span<const float> values = values_of(query);
  const std::size_t dim = multi != nullptr ? multi->dim : values.size();
  if (dim != config_.index.dim) {
    return invalid_argument(fmt::format("Vector dimension error: expected dim: {}, got {}", config_.index.dim, dim));
  }
  if (values.empty()) return invalid_argument("multivector: holds no vector");
  if (!all_finite(values)) {
    return invalid_argument("multivector: holds a value that is not finite");
  }
  return {};
}

Result<std::string> MultiSlot::prepare(const VectorValue& value) const {
  ORTHANT_TRY(check_query(value));
  const std::span<const float> values = values_of(value);
  MultiVector stored{.values = {values.begin(), values.end()}, .dim = config_.index.dim};
  if (config_.index.metric == Metric::kCosine && config_.datatype != VectorDatatype::kUint8) {
    scale_rows(stored.values, stored.dim);
  }
  return stored_bytes(config_.datatype, stored);
}

Result<std::shared_ptr<const SlotRows>> MultiSlot::encode(std::span<const std::string_view> rows) const {
  auto encoded = std::make_shared<MultiRows>();
  encoded->rows.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].empty()) continue;
    encoded->rows[i] = ORTHANT_TRY(multi_of(config_, rows[i])).values;
    if (config_.index.metric == Metric::kCosine && config_.datatype == VectorDatatype::kUint8) {
      scale_rows(encoded->rows[i], config_.index.dim);
    }
  }
  return encoded;
}

Status MultiSlot::append(const SlotRows& rows) {
  const auto& given = static_cast<const MultiRows&>(rows).rows;
  const std::vector<std::span<const float>> spans(given.begin(), given.end());
  return index_.append(spans);
}

std::vector<float> MultiSlot::compared(const VectorValue& query) const {
  const std::span<const float> values = values_of(query);
  std::vector<float> rows(values.begin(), values.end());
  if (config_.datatype == VectorDatatype::kUint8) {
    for (float& value : rows) value = std::trunc(std::clamp(value, 0.0F, 255.0F));
  }
  if (config_.index.metric == Metric::kCosine) scale_rows(rows, config_.index.dim);
  return rows;
}

Result<std::vector<ScoredOrdinal>> MultiSlot::search(const VectorValue& query, const SearchParams& params,
                                                     SearchTrace* trace) const {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<ScoredOrdinal> found = index_.search(compared(query), params);
  if (trace != nullptr) {
    const double microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    trace->stages.push_back(
        {.name = "max_sim", .candidates_in = index_.live_count(), .candidates_out = found.size(), .microseconds = microseconds});
    trace->plan.reason = "a multivector: all rows are compared by their floats";
    trace->plan.row_count = index_.row_count();
  }
  return found;
}

Result<std::vector<ScoredOrdinal>> MultiSlot::search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                              const SearchParams& params) const {
  std::vector<std::vector<float>> rows;
  for (const VectorValue& example : examples) rows.push_back(compared(example));
  const std::vector<std::span<const float>> spans(rows.begin(), rows.end());
  return index_.search_examples(spans, score, params);
}

IndexStatistics MultiSlot::statistics() const {
  IndexStatistics statistics;
  statistics.memory.float_bytes = index_.memory_bytes();
  statistics.structure = "flat";
  statistics.structure_rows = index_.row_count();
  return statistics;
}

}  // namespace orthant
