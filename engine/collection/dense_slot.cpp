#include "engine/collection/dense_slot.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/float_values.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

struct DenseRows final : SlotRows {
  explicit DenseRows(std::shared_ptr<const EncodedRows> given) : rows(std::move(given)) {}
  std::shared_ptr<const EncodedRows> rows;
};

// As the values that it meets are stored.
std::vector<float> as_stored(const VectorConfig& config, const std::vector<float>& query) {
  if (config.datatype != VectorDatatype::kUint8) return query;
  std::vector<float> whole = query;
  for (float& value : whole) value = std::trunc(std::clamp(value, 0.0F, 255.0F));
  return whole;
}

const std::vector<float>& floats_in(const VectorValue& value) {
  return std::get<std::vector<float>>(value);
}

}  // namespace

Result<std::string> DenseSlot::prepare(const VectorValue& value) const {
  ORTHANT_TRY(check_query(value));
  std::string bytes;
  if (config_.datatype != VectorDatatype::kUint8) {
    ORTHANT_TRY(append_numbers(config_.datatype, ORTHANT_TRY(index_->prepare_vector(floats_in(value))), bytes));
    return bytes;
  }
  const std::vector<float>& floats = floats_in(value);
  if (!all_finite(floats)) {
    return invalid_argument("vector: holds a value that is not finite");
  }
  ORTHANT_TRY(append_numbers(config_.datatype, floats, bytes));
  return bytes;
}

Result<std::shared_ptr<const SlotRows>> DenseSlot::encode(std::span<const std::string_view> rows) const {
  const std::size_t row_bytes = stored_row_bytes(config_);
  const std::size_t dim = config_.index.dim;
  const bool has_floats = config_.index.form == VectorForm::kFloat32;
  std::vector<std::uint8_t> present(rows.size());
  std::vector<float> floats(has_floats ? rows.size() * dim : 0);
  std::vector<std::uint8_t> codes(has_floats ? 0 : rows.size() * row_bytes);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].empty()) continue;
    if (rows[i].size() != row_bytes) {
      return data_corruption(fmt::format("a row of the vector has {} bytes, expected {}", rows[i].size(), row_bytes));
    }
    present[i] = 1;
    if (has_floats) {
      read_indexed_row(config_, rows[i], std::span(floats).subspan(i * dim, dim));
    } else {
      std::memcpy(codes.data() + i * row_bytes, rows[i].data(), row_bytes);
    }
  }
  return std::make_shared<const DenseRows>(
      ORTHANT_TRY(has_floats ? index_->encode_rows(floats, present) : index_->encode_codes(codes, present)));
}

Status DenseSlot::append(const SlotRows& rows) {
  return index_->append(*static_cast<const DenseRows&>(rows).rows);
}

Status DenseSlot::check_query(const VectorValue& query) const {
  const auto* floats = std::get_if<std::vector<float>>(&query);
  if (floats == nullptr) {
    return invalid_argument(std::holds_alternative<SparseVector>(query) ? "Conversion between sparse and regular vectors failed"
                                                                        : "Conversion between multi and regular vectors failed");
  }
  if (floats->size() == config_.index.dim) return {};
  return invalid_argument(fmt::format("Vector dimension error: expected dim: {}, got {}", config_.index.dim, floats->size()));
}

Result<std::vector<ScoredOrdinal>> DenseSlot::search(const VectorValue& query, const SearchParams& params,
                                                     SearchTrace* trace) const {
  return index_->search(as_stored(config_, floats_in(query)), params, trace);
}

Result<std::vector<std::vector<ScoredOrdinal>>> DenseSlot::search_batch(std::span<const VectorValue* const> queries,
                                                                        const SearchParams& params) const {
  std::vector<float> values;
  for (const VectorValue* query : queries) {
    const std::vector<float> stored = as_stored(config_, floats_in(*query));
    values.insert(values.end(), stored.begin(), stored.end());
  }
  return index_->search_batch(values, params);
}

// Where codes are scanned: floats are searched while they are few, and through a graph each search takes its own way.
bool DenseSlot::shares_passes(const SearchParams& params) const {
  const IndexConfig& index = index_->config();
  const std::size_t float_bytes = std::size_t{index_->row_count()} * index.dim * sizeof(float);
  return !params.exact && float_bytes >= index.exact_below_bytes && index_->structure() == "flat";
}

Result<std::vector<ScoredOrdinal>> DenseSlot::search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                              const SearchParams& params) const {
  std::vector<float> values;
  for (const VectorValue& example : examples) {
    const std::vector<float> stored = as_stored(config_, floats_in(example));
    values.insert(values.end(), stored.begin(), stored.end());
  }
  return index_->search_examples(values, score, params);
}

IndexStatistics DenseSlot::statistics() const {
  return {.memory = index_->memory(),
          .quantizer = std::string(index_->quantizer_name()),
          .structure = std::string(index_->structure()),
          .structure_rows = index_->structure_rows(),
          .codes = index_->code_residency()};
}

}  // namespace orthant
