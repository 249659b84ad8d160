#pragma once
// How one vector of a collection is indexed. Plain values; recorded with the collection, so enumerators are never renumbered.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace orthant {

// Our dense row number. Never reused while the process lives.
using Ordinal = std::uint32_t;
inline constexpr Ordinal kNoOrdinal = 0xffffffff;

enum class Metric : std::uint8_t {
  kCosine = 0,     // vectors are stored normalized; score: the dot product, higher is better
  kDot = 1,        // score: the dot product
  kEuclid = 2,     // score as users see it: the plain distance, lower is better
  kManhattan = 3,  // the same
};

// kEuclid and kManhattan: a lower score is better.
constexpr bool lower_score_is_better(Metric metric) {
  return metric == Metric::kEuclid || metric == Metric::kManhattan;
}

// What users bring. kFloat32 is the usual; the other two are ready codes brought by the user, without floats behind them.
enum class VectorForm : std::uint8_t { kFloat32 = 0, kInt8 = 1, kUbinary = 2 };
// Of one vector as it is stored and sent: 4 dim, dim, or ceil(dim / 8).
std::size_t vector_bytes(VectorForm form, std::size_t dim);

// Where floats live beside the store (which always has them).
enum class FloatResidency : std::uint8_t {
  kAuto = 0,  // in memory while they are small (exact_below_bytes), else on disk only
  kMemory = 1,
  kDisk = 2,
};

// Where codes and their factors live. On disk they stand in files of their own that vanish with the process (column_file.h): the
// kernel keeps in its page cache what is used. 1-bit codes that are scanned (IndexStructure::kFlat) stay in memory.
enum class CodeResidency : std::uint8_t {
  kAuto = 0,  // in memory while the memory budget lasts (structure_choice.h)
  kMemory = 1,
  kDisk = 2,
};
std::string_view code_residency_name(CodeResidency residency);  // "auto", "memory", "disk"

// How 1-bit codes (and their extensions to more bits) are made from floats: docs/quantizers.md.
enum class BinaryCodes : std::uint8_t {
  kAuto = 0,     // what serves best at this dimension
  kSign = 1,     // the signs of the vector itself: ubinary, no training
  kRotated = 2,  // signs of the centred and randomly rotated vector, with a factor a row
  kLearned = 3,  // the same with a rotation learned from the collection's own vectors
};
std::string_view binary_codes_name(BinaryCodes codes);  // "auto", "sign", "rotated", "learned"

// What an int8 code's integers stand for: docs/quantizers.md.
enum class Int8Codes : std::uint8_t {
  kVector = 0,     // each vector has a scale of its own
  kDimension = 1,  // each dimension has a range, learned from the collection's own vectors: Sentence Transformers' int8
};
std::string_view int8_codes_name(Int8Codes codes);  // "vector", "dimension"

// How the candidates of a search are found. Recorded like the rest.
enum class IndexStructure : std::uint8_t {
  kAuto = 0,   // a scan while it is fast, a graph beyond; lists where not even the page cache would hold the codes
  kFlat = 1,   // always a scan of the codes
  kGraph = 2,  // a graph over the codes, whatever the size
  kLists = 3,  // inverted lists: the quickest to build
};

struct IndexConfig {
  std::size_t dim = 0;  // 1 to 65,536
  Metric metric = Metric::kCosine;
  VectorForm form = VectorForm::kFloat32;
  FloatResidency residency = FloatResidency::kAuto;
  // While all floats of the index take less than this and are in memory, every search is exact over floats.
  std::size_t exact_below_bytes = std::size_t{10'000} << 10;
  // Recall@10 against exact float search that searches must reach; RescorePlan's depths follow from it by calibration.
  double target_recall = 0.99;
  BinaryCodes binary_codes = BinaryCodes::kAuto;
  // Bits a dimension of the first stage's codes: 1, 2 or 4. kSign has 1.
  unsigned code_bits = 1;
  Int8Codes int8_codes = Int8Codes::kVector;
  // Of a dimension's values the middle share that its range holds, 0.5 to 1. For Int8Codes::kDimension.
  double int8_quantile = 1;
  IndexStructure structure = IndexStructure::kAuto;
  CodeResidency code_residency = CodeResidency::kAuto;
  // Memory that the index may take; 0: what the process has left.
  std::size_t memory_budget_bytes = 0;

  bool operator==(const IndexConfig&) const = default;
};

inline constexpr std::size_t kMaxDim = 65'536;

// invalid_argument when dim, target_recall, code_bits or int8_quantile is out of range, or the codes do not come with so many bits.
Status validate(const IndexConfig& config);

std::string_view metric_name(Metric metric);                // "Cosine", "Dot", "Euclid", "Manhattan"
std::string_view structure_name(IndexStructure structure);  // "auto", "flat", "graph", "lists"

}  // namespace orthant
