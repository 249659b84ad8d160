#include "engine/collection/multi_slot.h"

#include <algorithm>
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

// A stored value as it is compared.
Result<std::vector<float>> compared_row(const VectorConfig& config, std::string_view bytes) {
  std::vector<float> values = ORTHANT_TRY(multi_of(config, bytes)).values;
  if (config.index.metric == Metric::kCosine && config.datatype == VectorDatatype::kUint8) scale_rows(values, config.index.dim);
  return values;
}

}  // namespace

Status MultiSlot::StoredVectors::read(std::span<const Ordinal> ordinals,
                                      const std::function<void(std::size_t i, std::span<const float> vectors)>& visit) const {
  std::size_t found = 0;
  ORTHANT_TRY(table_.read_vectors(slot_, ordinals, [&](std::size_t i, std::string_view bytes) -> Status {
    visit(i, ORTHANT_TRY(compared_row(config_, bytes)));
    ++found;
    return {};
  }));
  if (found == ordinals.size()) return {};
  return data_corruption(fmt::format("table {}, vector {}: {} of {} rows are missing", table_.number(), slot_,
                                     ordinals.size() - found, ordinals.size()));
}

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
    encoded->rows[i] = ORTHANT_TRY(compared_row(config_, rows[i]));
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
  if (trace != nullptr) {
    trace->plan.reason = params.exact ? "exact: all rows are compared by their floats"
                                      : "a multivector: all rows are estimated by their int8 codes, the best compared by floats";
    trace->plan.row_count = index_.row_count();
  }
  return index_.search(compared(query), params, trace);
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
  statistics.memory = index_.memory();
  statistics.structure = "flat";
  statistics.structure_rows = index_.row_count();
  return statistics;
}

}  // namespace orthant
