#include "index/structure_choice.h"

#include <algorithm>

#include "base/machine_memory.h"

namespace orthant {
namespace {

// Below, a scan of short codes is about as fast as a graph at a recall of .99 and takes little more than half the memory
// (docs/decisions/0006-short-codes-for-scans.md).
constexpr std::size_t kGraphRows = 250'000;
// Codes on disk are not scanned beyond.
constexpr std::size_t kMostScannedOnDisk = 150'000;
// Building a graph reads codes here and there: it is for codes that the page cache can hold, and for ordinals that its lean lists
// have room for. Lists are built in order.
constexpr std::size_t kShareOfMemory = 2;
constexpr std::size_t kLeanGraphRows = std::size_t{1} << 23;
// A structure that was asked for is made from here on; fewer rows are scanned in a microsecond.
constexpr std::size_t kForcedRows = 1'000;
// Codes of fewer rows stay in memory whatever the budget: there is nothing to gain.
constexpr std::size_t kFewestRowsOnDisk = 10'000;
// Of a graph, beside the code itself: a list of neighbours, and the factors on its line (docs/decisions/0004-graph.md).
constexpr std::size_t kGraphListBytes = 48 * sizeof(Ordinal);
constexpr std::size_t kGraphLineBytes = 64;
constexpr std::size_t kFactorBytes = sizeof(float);

std::size_t code_bytes(const IndexConfig& config) {
  return (config.dim * config.code_bits + 7) / 8;
}

std::size_t bytes_of_codes(const IndexConfig& config) {
  if (config.form == VectorForm::kUbinary) return code_bytes(config);
  const std::size_t norms = config.metric == Metric::kEuclid ? kFactorBytes : 0;
  const std::size_t bits = config.form == VectorForm::kFloat32 ? code_bytes(config) + kFactorBytes : 0;
  return bits + config.dim + kFactorBytes + norms;
}

std::size_t bytes_of_graph(const IndexConfig& config) {
  const std::size_t line = (config.dim + 7) / 8 + 2 * kFactorBytes;
  return kGraphListBytes + (line + kGraphLineBytes - 1) / kGraphLineBytes * kGraphLineBytes;
}

// A code and seven bytes of factors and ordinal, not quite twice (docs/decisions/0005-inverted-lists.md).
std::size_t bytes_of_lists(const IndexConfig& config) {
  return 2 * ((config.dim + 7) / 8 + 7);
}

IndexStructure structure_on_disk(const IndexConfig& config, std::size_t live_rows) {
  static const std::size_t machine_bytes = machine_memory_bytes();
  const bool cached = live_rows * bytes_of_codes(config) <= machine_bytes / kShareOfMemory;
  return cached && live_rows <= kLeanGraphRows ? IndexStructure::kGraph : IndexStructure::kLists;
}

}  // namespace

IndexStructure wanted_structure(const IndexConfig& config, std::size_t live_rows) {
  if (config.form != VectorForm::kFloat32 || config.metric == Metric::kManhattan) return IndexStructure::kFlat;
  const bool on_disk = config.code_residency == CodeResidency::kDisk;
  switch (config.structure) {
    case IndexStructure::kFlat: break;
    case IndexStructure::kAuto:
      if (live_rows < (on_disk ? kMostScannedOnDisk : kGraphRows)) break;
      return on_disk ? structure_on_disk(config, live_rows) : IndexStructure::kGraph;
    case IndexStructure::kGraph:
    case IndexStructure::kLists: return live_rows >= kForcedRows ? config.structure : IndexStructure::kFlat;
  }
  return IndexStructure::kFlat;
}

CodeLength wanted_code_length(const IndexConfig& config, std::size_t live_rows) {
  const bool free_to_choose = config.binary_codes == BinaryCodes::kAuto && config.code_bits == 1;
  const bool walked = wanted_structure(config, live_rows) == IndexStructure::kGraph;
  return free_to_choose && !walked ? CodeLength::kForScans : CodeLength::kWhole;
}

std::size_t bytes_in_memory(const IndexConfig& config, std::size_t rows) {
  IndexConfig in_memory = config;
  in_memory.code_residency = CodeResidency::kMemory;
  std::size_t bytes = bytes_of_codes(config);
  switch (wanted_structure(in_memory, rows)) {
    case IndexStructure::kGraph: bytes += bytes_of_graph(config); break;
    case IndexStructure::kLists: bytes += bytes_of_lists(config); break;
    case IndexStructure::kAuto:
    case IndexStructure::kFlat: break;
  }
  return bytes * rows;
}

CodeResidency wanted_residency(const IndexConfig& config, std::size_t rows, std::size_t available_bytes) {
  if (config.code_residency != CodeResidency::kAuto) return config.code_residency;
  if (config.memory_budget_bytes != 0) available_bytes = std::min(available_bytes, config.memory_budget_bytes);
  const bool fits = rows < kFewestRowsOnDisk || bytes_in_memory(config, rows) <= available_bytes;
  return fits ? CodeResidency::kMemory : CodeResidency::kDisk;
}

}  // namespace orthant
