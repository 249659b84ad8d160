#include "index/index_source.h"

#include <algorithm>

#include "index/candidates/source_factory.h"

namespace orthant {
namespace {

// Below, a scan of short codes is as fast as a graph at a recall of .98 and more, and they fit the third-level cache
// (docs/decisions/0006-short-codes-for-scans.md).
constexpr std::size_t kGraphRows = 500'000;
// A structure that was asked for is made from here on; fewer rows are scanned in a microsecond.
constexpr std::size_t kForcedRows = 1'000;
// Rows that searches may scan beside the source before it takes them in: some microseconds.
constexpr std::size_t kTailRows = 4'096;
// Rows taken in by one call: some seconds.
constexpr std::size_t kPieceRows = 16'384;
// One buried row in so many still in the ways of searches is worth a repair.
constexpr std::size_t kStaleShare = 10;

bool is_stale(const CandidateSource& source) {
  return source.stale_count() * kStaleShare > source.covered_count();
}

}  // namespace

IndexStructure wanted_structure(const IndexConfig& config, std::size_t live_rows) {
  if (config.form != VectorForm::kFloat32 || config.metric == Metric::kManhattan) return IndexStructure::kFlat;
  switch (config.structure) {
    case IndexStructure::kFlat: break;
    case IndexStructure::kAuto: return live_rows >= kGraphRows ? IndexStructure::kGraph : IndexStructure::kFlat;
    case IndexStructure::kGraph:
    case IndexStructure::kLists: return live_rows >= kForcedRows ? config.structure : IndexStructure::kFlat;
  }
  return IndexStructure::kFlat;
}

CodeLength wanted_code_length(const IndexConfig& config, std::size_t live_rows) {
  const bool free_to_choose = config.binary_codes == BinaryCodes::kAuto && config.code_bits == 1;
  const bool scanned = wanted_structure(config, live_rows) == IndexStructure::kFlat;
  return free_to_choose && scanned ? CodeLength::kForScans : CodeLength::kWhole;
}

bool IndexSource::needs_build(const IndexConfig& config, const CodeTables& tables) const {
  const std::size_t rows = tables.row_count();
  if (wanted_structure(config, rows - tables.buried_count()) == IndexStructure::kFlat) return false;
  const Use use(*this);
  const CandidateSource* source = use.get();
  if (source == nullptr || source->is_outgrown()) return true;
  return rows - source->covered_count() >= kTailRows || is_stale(*source);
}

Status IndexSource::build(const IndexParts& parts, ThreadPool* pool, const std::atomic<bool>& stop) {
  const std::lock_guard lock(build_mutex_);
  free_unused();
  if (!successor_ && (!owned_ || owned_->is_outgrown())) {
    const std::size_t live_rows = parts.tables.row_count() - parts.tables.buried_count();
    successor_ = make_source(wanted_structure(parts.config, live_rows), parts);
    if (!successor_) return {};
    // The first one serves from its first piece on, a later one once it covers what its predecessor does.
    if (!owned_) replace(std::move(successor_));
  }
  CandidateSource& source = successor_ ? *successor_ : *owned_;
  const std::size_t rows = parts.tables.row_count();
  if (source.covered_count() < rows) {
    // Centroids are trained on what the first piece holds.
    const bool trains = source.covered_count() == 0 && source.name() == structure_name(IndexStructure::kLists);
    const std::size_t end = trains ? rows : std::min<std::size_t>(source.covered_count() + kPieceRows, rows);
    ORTHANT_TRY(source.extend(static_cast<Ordinal>(end), pool, stop));
  }
  if (stop.load(std::memory_order_relaxed) || rows - source.covered_count() >= kTailRows) return {};
  if (successor_) replace(std::move(successor_));
  if (is_stale(*owned_)) return owned_->repair(pool, stop);
  return {};
}

void IndexSource::adopt(std::unique_ptr<CandidateSource> source) {
  const std::lock_guard lock(build_mutex_);
  replace(std::move(source));
}

void IndexSource::replace(std::unique_ptr<CandidateSource> source) {
  current_.store(source.get(), std::memory_order_seq_cst);
  if (owned_) retired_.push_back(std::move(owned_));
  owned_ = std::move(source);
  free_unused();
}

void IndexSource::free_unused() {
  if (users_.load(std::memory_order_seq_cst) == 0) retired_.clear();
}

}  // namespace orthant
