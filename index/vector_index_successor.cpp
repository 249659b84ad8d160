// Making an index over rows that the store has, as the successor of one that serves.

#include <algorithm>
#include <bit>

#include "index/row_encoder.h"
#include "index/stored_rows.h"
#include "index/training_sample.h"
#include "index/vector_index_impl.h"

namespace orthant {
namespace {

// Rows encoded together, and pieces encoded before they are appended, when an index is rebuilt.
constexpr std::size_t kRebuildPiece = 2'048;
constexpr std::size_t kRebuildWave = 64;
constexpr std::uint64_t kTrainingSeed = 1;
// Of the newest rows, those that tell whether the quantizer still serves, and the error, as a multiple of that of its training,
// from which on it does not.
constexpr std::size_t kRowsToCheck = 1'024;
constexpr double kDriftedError = 1.15;
// The same of values outside the ranges of int8 codes, and a share that does not matter where none were to be.
constexpr double kDriftedShare = 2;
constexpr double kFewOutside = 0.002;

}  // namespace

Status VectorIndex::append_stored(Ordinal end, ThreadPool* pool) {
  using Piece = Result<std::shared_ptr<const EncodedRows>>;
  while (row_count() < end) {
    const Ordinal begin = row_count();
    std::vector<Piece> pieces(std::min<std::size_t>(kRebuildWave, (end - begin + kRebuildPiece - 1) / kRebuildPiece));
    parallel_for(pool, pieces.size(), 1, [&](std::size_t first_piece, std::size_t last_piece) {
      for (std::size_t i = first_piece; i < last_piece; ++i) {
        const auto first = static_cast<Ordinal>(begin + i * kRebuildPiece);
        const auto last = static_cast<Ordinal>(std::min<std::size_t>(first + kRebuildPiece, end));
        Result<StoredRows> rows = read_stored_rows(*impl_->stored_, first, last);
        pieces[i] = rows ? encode_rows(rows->vectors, rows->present) : Piece(std::unexpected(rows.error()));
      }
    });
    for (Piece& piece : pieces) ORTHANT_TRY(append(*ORTHANT_TRY(std::move(piece))));
  }
  return {};
}

// ---- training ----

bool VectorIndex::needs_training() const {
  return impl_->needs_training();
}

Result<bool> VectorIndex::has_drifted() const {
  const Ordinal rows = row_count();
  const std::vector<float> newest =
      ORTHANT_TRY(sample_rows(*impl_->stored_, impl_->tables_, rows / 2, rows, kRowsToCheck, kTrainingSeed));
  if (const DimensionRanges* ranges = impl_->tables_.int8_ranges()) {
    const double promised = 1 - config().int8_quantile;
    if (ranges->outside_share(newest) > kDriftedShare * promised + kFewOutside) return true;
  }
  if (trained_codes(config()) == BinaryCodes::kSign) return false;
  return measured_error(*impl_->quantizer_, newest, config().dim) > kDriftedError;
}

// Whatever comes out, needs_training() does not ask again at once; after an error it does.
Result<std::unique_ptr<VectorIndex>> VectorIndex::retrained(ThreadPool* pool, const std::atomic<bool>& stop) const {
  const std::size_t checked_before = impl_->note_training_check(row_count());
  auto successor = train_successor(pool, stop);
  if (!successor) impl_->note_training_check(checked_before);
  return successor;
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::train_successor(ThreadPool* pool, const std::atomic<bool>& stop) const {
  const bool serves = impl_->is_trained() && !impl_->codes_are_too_short();
  if (serves && !ORTHANT_TRY(has_drifted())) return std::unique_ptr<VectorIndex>();
  const std::vector<float> sample =
      ORTHANT_TRY(sample_rows(*impl_->stored_, impl_->tables_, 0, row_count(), wanted_training_rows(config()), kTrainingSeed));
  const CodeLength length = wanted_code_length(impl_->config_, live_count());
  Encoders encoders = {ORTHANT_TRY(train_binary_quantizer(config(), sample, kTrainingSeed, pool, stop, length))};
  if (config().int8_codes == Int8Codes::kDimension && !sample.empty()) {
    encoders.int8_ranges = DimensionRanges::of_rows(sample, config().dim, config().int8_quantile);
  }
  auto successor = ORTHANT_TRY(make_successor(std::move(encoders), impl_->config_.code_residency, pool, stop));
  successor->impl_->trained_rows_ = sample.size() / config().dim;
  return successor;
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::make_successor(Encoders encoders, CodeResidency residency, ThreadPool* pool,
                                                                 const std::atomic<bool>& stop) const {
  const Ordinal rows = row_count();
  std::unique_ptr<VectorIndex> successor(
      new VectorIndex(std::make_unique<Impl>(config(), impl_->home_, residency, impl_->stored_, rows, std::move(encoders))));
  successor->impl_->note_training_check(rows);
  while (successor->row_count() < rows) {
    if (stop.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "encoding rows anew: stopped");
    ORTHANT_TRY(successor->append_stored(std::min<Ordinal>(rows, successor->row_count() + kRebuildPiece * kRebuildWave), pool));
  }
  ORTHANT_TRY(successor->take_source_of(*this, pool));
  return successor;
}

// Rows that it covers may have been appended after the others were encoded.
Status VectorIndex::take_source_of(const VectorIndex& predecessor, ThreadPool* pool) {
  auto source = ORTHANT_TRY(predecessor.impl_->source_.copy_for(impl_->parts()));
  if (!source) return {};
  ORTHANT_TRY(append_stored(std::max(row_count(), predecessor.row_count()), pool));
  bury_as(predecessor);
  ORTHANT_TRY(source->finish_load());
  impl_->source_.adopt(std::move(source));
  return {};
}

// ---- moving codes to disk ----

bool VectorIndex::needs_move() const {
  return impl_->needs_move();
}

// As with training, needs_move() does not ask again at once, while the successor is on its way; after an error it does.
Result<std::unique_ptr<VectorIndex>> VectorIndex::moved(ThreadPool* pool, const std::atomic<bool>& stop) const {
  const BinaryQuantizer& quantizer = *impl_->quantizer_;
  Encoders same = {ORTHANT_TRY(restore_binary_quantizer(config(), quantizer.name(), quantizer.parameters())),
                   impl_->tables_.shared_int8_ranges()};
  const std::size_t moved_before = impl_->note_move(row_count());
  auto successor = make_successor(std::move(same), CodeResidency::kDisk, pool, stop);
  if (!successor) {
    impl_->note_move(moved_before);
  } else {
    (*successor)->impl_->trained_rows_ = impl_->trained_rows_;
  }
  return successor;
}

Status VectorIndex::take_over(const VectorIndex& predecessor, ThreadPool* pool) {
  ORTHANT_TRY(append_stored(predecessor.row_count(), pool));
  bury_as(predecessor);
  return {};
}

void VectorIndex::bury_as(const VectorIndex& predecessor) {
  const CodeTables& tables = predecessor.impl_->tables_;
  for (std::size_t block = 0; block * kBlockRows < row_count(); ++block) {
    std::uint64_t missing = tables.buried_word(block) & ~impl_->tables_.buried_word(block);
    for (; missing != 0; missing &= missing - 1) {
      bury(static_cast<Ordinal>(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(missing))));
    }
  }
}

}  // namespace orthant
