#include "index/index_source.h"

#include <algorithm>
#include <cstring>

#include "index/candidates/source_factory.h"
#include "index/structure_choice.h"

namespace orthant {
namespace {

// Rows that searches may scan beside the source before it takes them in: some microseconds, most of them for look-up tables that a
// walk alone does not need.
constexpr std::size_t kTailRows = 2'048;
// Rows taken in by one call: some seconds.
constexpr std::size_t kPieceRows = 16'384;
// One buried row in so many still in the ways of searches is worth a repair.
constexpr std::size_t kStaleShare = 10;

bool is_stale(const CandidateSource& source) {
  return source.stale_count() * kStaleShare > source.covered_count();
}

void copy_rows(const RowColumn& from, const RowColumn& to, std::size_t row_count) {
  for (std::size_t first = 0; first < row_count;) {
    const std::size_t count = std::min(row_count - first, chunk_first_row(chunk_of(first) + 1) - first);
    std::memcpy(to.row(first), from.row(first), count * from.row_bytes());
    first += count;
  }
}

}  // namespace

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
  // First, so that new rows are not linked to rows that are about to go, nor find these in the places of others.
  if (is_stale(source)) ORTHANT_TRY(source.repair(pool, stop));
  const std::size_t rows = parts.tables.row_count();
  if (source.covered_count() < rows) {
    // Centroids are trained on what the first piece holds.
    const bool trains = source.covered_count() == 0 && source.name() == structure_name(IndexStructure::kLists);
    // Nor is a tail left that this piece may as well take.
    const std::size_t left = rows - source.covered_count();
    const std::size_t end = trains || left < kPieceRows + kTailRows ? rows : source.covered_count() + kPieceRows;
    ORTHANT_TRY(source.extend(static_cast<Ordinal>(end), pool, stop));
  }
  if (stop.load(std::memory_order_relaxed) || rows - source.covered_count() >= kTailRows) return {};
  if (successor_) replace(std::move(successor_));
  return {};
}

Result<std::unique_ptr<CandidateSource>> IndexSource::copy_for(const IndexParts& successor) const {
  const auto lock = hold_still();
  if (!owned_ || !owned_->outlives_codes() || owned_->is_outgrown()) return std::unique_ptr<CandidateSource>();
  const std::size_t live_rows = successor.tables.row_count() - successor.tables.buried_count();
  if (owned_->name() != structure_name(wanted_structure(successor.config, live_rows))) return std::unique_ptr<CandidateSource>();
  auto copy = ORTHANT_TRY(load_source(owned_->name(), owned_->parameters(), successor));
  const std::vector<SourceColumn> from = owned_->columns();
  const std::vector<SourceColumn> to = copy->columns();
  for (std::size_t i = 0; i < from.size(); ++i) copy_rows(*from[i].column, *to[i].column, from[i].rows);
  owned_->release_columns();
  return copy;
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
