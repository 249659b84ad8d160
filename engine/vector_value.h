#pragma once
// VectorValue: one vector of a point or of a query, of whichever kind its name in the collection has. Plain values.

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace orthant {

// The few values of a long vector that are set. Scores count only indices that both sides have.
struct SparseVector {
  std::vector<std::uint32_t> indices;  // ascending, unique
  std::vector<float> values;           // one an index
  bool operator==(const SparseVector&) const = default;
};

// Several vectors of one point, such as one a token.
struct MultiVector {
  std::vector<float> values;  // rows x dim, row-major; at least one row
  std::size_t dim = 0;
  std::size_t rows() const { return dim == 0 ? 0 : values.size() / dim; }
  std::span<const float> row(std::size_t i) const { return std::span(values).subspan(i * dim, dim); }
  bool operator==(const MultiVector&) const = default;
};

using VectorValue = std::variant<std::vector<float>, SparseVector, MultiVector>;

// All its numbers, whatever its kind.
inline std::span<const float> values_of(const VectorValue& vector) {
  if (const auto* floats = std::get_if<std::vector<float>>(&vector)) return *floats;
  if (const auto* sparse = std::get_if<SparseVector>(&vector)) return sparse->values;
  return std::get<MultiVector>(vector).values;
}

}  // namespace orthant
