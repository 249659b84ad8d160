#pragma once
// VectorInput: a vector as a point or a query brings it: ready, or as what it is to be made from. Plain values.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/bm25_options.h"
#include "engine/vector_value.h"

namespace orthant {

// Text to encode inside. An empty model means the collection's encoder (or the first of its dimension).
struct TextInput {
  std::string text;
  std::string model;
  std::shared_ptr<const Bm25Options> bm25 = nullptr;  // given with the model `qdrant/bm25`; null: its defaults
};
// Ready codes in the form that the collection declares: dim int8 values or ceil(dim / 8) ubinary bytes.
struct CodeInput {
  std::vector<std::uint8_t> bytes;
};
using VectorInput = std::variant<std::vector<float>, SparseVector, MultiVector, TextInput, CodeInput>;

// The value, where it is there already; nothing for texts and codes.
inline std::optional<VectorValue> ready_value(const VectorInput& input) {
  if (const auto* floats = std::get_if<std::vector<float>>(&input)) return *floats;
  if (const auto* sparse = std::get_if<SparseVector>(&input)) return *sparse;
  if (const auto* multi = std::get_if<MultiVector>(&input)) return *multi;
  return std::nullopt;
}

}  // namespace orthant
