#include "index/vector_index.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

#include "index/calibrate.h"
#include "index/calibrate_source.h"
#include "index/candidates/source_factory.h"
#include "index/index_source.h"
#include "index/kernels/dispatch.h"
#include "index/level_codes.h"
#include "index/quality_measurement.h"
#include "index/row_encoder.h"
#include "index/search_run.h"
#include "index/snapshot.h"
#include "index/stored_rows.h"
#include "index/training_sample.h"

namespace orthant {
namespace {

// Rows encoded together, and pieces encoded before they are appended, when an index is rebuilt.
constexpr std::size_t kRebuildPiece = 2'048;
constexpr std::size_t kRebuildWave = 64;
constexpr std::size_t kFewRowsToCalibrate = 1'000;
constexpr std::size_t kFewRowsToTrain = 2'000;
constexpr std::uint64_t kTrainingSeed = 1;
// Of the newest rows, those that tell whether the quantizer still serves, and the error, as a multiple of that of its training,
// from which on it does not.
constexpr std::size_t kRowsToCheck = 1'024;
constexpr double kDriftedError = 1.15;

bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

std::size_t float_bytes(const IndexConfig& config, std::size_t row_count) {
  return row_count * config.dim * sizeof(float);
}

bool wants_resident_floats(const IndexConfig& config, std::size_t row_count) {
  if (config.form != VectorForm::kFloat32 || config.residency == FloatResidency::kDisk) return false;
  return config.residency == FloatResidency::kMemory || float_bytes(config, row_count) < config.exact_below_bytes;
}

using Quantizer = std::unique_ptr<const BinaryQuantizer>;

Quantizer quantizer_for(const IndexConfig& config) {
  return config.form == VectorForm::kFloat32 ? make_binary_quantizer(config) : nullptr;
}

Status check(const IndexConfig& config, const FloatVectors* stored) {
  ORTHANT_TRY(validate(config));
  if (config.form != VectorForm::kFloat32) return {};
  if (stored == nullptr) return internal_error("an index of floats needs the stored floats");
  if (stored->dim() != config.dim) {
    return internal_error(fmt::format("stored vectors have {} dimensions, the index {}", stored->dim(), config.dim));
  }
  return {};
}

}  // namespace

class VectorIndex::Impl {
 public:
  // `quantizer` is null for forms without floats.
  Impl(const IndexConfig& config, const FloatVectors* stored, std::size_t row_count, Quantizer quantizer)
      : config_(config),
        stored_(stored),
        quantizer_(std::move(quantizer)),
        tables_(config, quantizer_ ? quantizer_->code_bytes() : (config.dim + 7) / 8, quantizer_ && quantizer_->has_row_scales(),
                wants_resident_floats(config, row_count)) {
    publish_depths({});
  }

  IndexParts parts(const CandidateSource* source = nullptr) const {
    return {config_, tables_, distance_kernels(), quantizer_.get(), stored_, source, nullptr};
  }

  const CalibratedDepths& depths() const { return *depths_.load(std::memory_order_acquire); }

  // Earlier ones stay: searches may be reading them, and there are few (one a doubling of the rows).
  void publish_depths(CalibratedDepths depths) {
    const std::lock_guard lock(mutex_);
    kept_depths_.push_back(std::make_unique<const CalibratedDepths>(std::move(depths)));
    depths_.store(kept_depths_.back().get(), std::memory_order_release);
  }

  bool exact_is_cheap(std::size_t row_count) const {
    return tables_.floats().kept() && float_bytes(config_, row_count) < config_.exact_below_bytes;
  }

  void append(const EncodedRows& rows) {
    const std::size_t end = tables_.row_count() + rows.row_count;
    if (tables_.floats().kept() && !wants_resident_floats(config_, end)) tables_.drop_floats();
    tables_.append(rows);
  }

  Status check_query(std::span<const float> query, const SearchParams& params) const {
    if (query.size() != config_.dim) {
      return invalid_argument(fmt::format("query vector: {} dimensions, expected {}", query.size(), config_.dim));
    }
    if (!all_finite(query)) return invalid_argument("query vector: holds a value that is not finite");
    if (params.oversampling && !(*params.oversampling >= 1)) {
      return invalid_argument(fmt::format("oversampling {}: expected at least 1", *params.oversampling));
    }
    return {};
  }

  Result<RescorePlan> plan_for(const SearchParams& params, const RowMask& mask, const CandidateSource* source,
                               PlanTrace* trace = nullptr) const {
    const PlanFacts facts = {.row_count = mask.row_count(),
                             .eligible_count = mask.count(),
                             .exact_is_cheap = exact_is_cheap(mask.row_count()),
                             .covered_count = source == nullptr ? 0 : source->covered_count()};
    SearchParams bounded = params;
    bounded.limit = std::min(params.limit, facts.eligible_count);
    return make_rescore_plan(config_, bounded, depths(), facts, trace);
  }

  PreparedQuery prepare(std::span<const float> query, const RescorePlan& plan) const {
    return prepare_query(config_.metric, quantizer_.get(), query, forms_for(plan, config_));
  }

  IndexParts parts_for(const SearchParams& params, const CandidateSource* source) const {
    IndexParts result = parts(source);
    result.helpers = params.helpers;
    return result;
  }

  Result<std::vector<ScoredOrdinal>> search(std::span<const float> query, const SearchParams& params, SearchTrace* trace) const {
    ORTHANT_TRY(check_query(query, params));
    const RowMask mask(tables_, params.allowed, tables_.row_count());
    const IndexSource::Use source(source_);
    const RescorePlan plan = ORTHANT_TRY(plan_for(params, mask, source.get(), trace == nullptr ? nullptr : &trace->plan));
    const PreparedQuery prepared = prepare(query, plan);
    return scored(plan, ORTHANT_TRY(run_plan(parts_for(params, source.get()), plan, prepared, mask, trace)),
                  params.score_threshold);
  }

  Result<std::vector<std::vector<ScoredOrdinal>>> search_batch(std::span<const float> queries, const SearchParams& params) const {
    if (queries.size() % config_.dim != 0) {
      return invalid_argument(fmt::format("query vectors: {} values, expected rows of {}", queries.size(), config_.dim));
    }
    const RowMask mask(tables_, params.allowed, tables_.row_count());
    const IndexSource::Use source(source_);
    const RescorePlan plan = ORTHANT_TRY(plan_for(params, mask, source.get()));
    std::vector<PreparedQuery> prepared;
    for (std::size_t first = 0; first < queries.size(); first += config_.dim) {
      ORTHANT_TRY(check_query(queries.subspan(first, config_.dim), params));
      prepared.push_back(prepare(queries.subspan(first, config_.dim), plan));
    }
    std::vector<std::vector<ScoredOrdinal>> results;
    for (const std::vector<Candidate>& found :
         ORTHANT_TRY(run_plan_for_all(parts_for(params, source.get()), plan, prepared, mask))) {
      results.push_back(scored(plan, found, params.score_threshold));
    }
    return results;
  }

  Status calibrate(ThreadPool* pool) {
    if (config_.form != VectorForm::kFloat32) return {};
    CalibratedDepths depths = ORTHANT_TRY(measure_depths(parts(), pool));
    if (depths.entries.empty()) return {};
    const IndexSource::Use source(source_);
    if (source.get() != nullptr) ORTHANT_TRY(measure_source(parts(source.get()), depths, pool));
    publish_depths(std::move(depths));
    measured_source_.store(source.get(), std::memory_order_relaxed);
    return {};
  }

  void take_saved_depths(const CalibratedDepths& depths) {
    publish_depths(depths);
    if (depths.covered_count != 0) measured_source_.store(IndexSource::Use(source_).get(), std::memory_order_relaxed);
  }

  // While floats are small and in memory no search needs a structure.
  bool needs_build() const {
    return !exact_is_cheap(tables_.row_count()) && !codes_are_too_short() && source_.needs_build(config_, tables_);
  }

  Status build(ThreadPool* pool, const std::atomic<bool>& stop) {
    if (!codes_are_too_short() && source_.needs_build(config_, tables_)) ORTHANT_TRY(source_.build(parts(), pool, stop));
    return {};
  }

  bool needs_calibration() const {
    if (config_.form != VectorForm::kFloat32) return false;
    const std::size_t rows = tables_.row_count();
    if (rows - tables_.buried_count() < kFewRowsToCalibrate || exact_is_cheap(rows)) return false;
    return rows >= 2 * depths().index_rows || source_needs_calibration();
  }

  // Once a build has caught up with the rows, when the source is another one or has doubled since.
  bool source_needs_calibration() const {
    const IndexSource::Use source(source_);
    if (source.get() == nullptr || needs_build()) return false;
    return source.get() != measured_source_.load(std::memory_order_relaxed) ||
           source.get()->covered_count() >= 2 * depths().covered_count;
  }

  bool needs_training() const {
    if (config_.form != VectorForm::kFloat32 || trained_codes(config_) == BinaryCodes::kSign) return false;
    const std::size_t rows = tables_.row_count();
    if (rows - tables_.buried_count() < kFewRowsToTrain || exact_is_cheap(rows)) return false;
    if (codes_are_too_short()) return true;
    return rows >= 2 * checked_rows_.load(std::memory_order_relaxed);
  }
  std::size_t live_count() const { return tables_.row_count() - tables_.buried_count(); }

  // The index has grown beyond scans, for which its codes were made.
  bool codes_are_too_short() const {
    if (!quantizer_ || quantizer_->code_bytes() == level_code_bytes(config_.dim, config_.code_bits)) return false;
    return wanted_code_length(config_, live_count()) == CodeLength::kWhole;
  }

  // Returns what was noted before.
  std::size_t note_training_check(std::size_t row_count) { return checked_rows_.exchange(row_count, std::memory_order_relaxed); }

  IndexMemory memory() const {
    const std::size_t rows = tables_.row_count();
    const auto bytes = [rows](const RowColumn* column) { return column == nullptr ? 0 : rows * column->row_bytes(); };
    const ResidentFloats::Use resident(tables_.floats());
    IndexMemory memory;
    memory.binary_bytes = bytes(tables_.bits()) + bytes(tables_.row_major_bits()) + bytes(tables_.bit_scales());
    memory.int8_bytes = bytes(tables_.int8_codes()) + bytes(tables_.int8_scales());
    memory.float_bytes = bytes(resident.rows());
    const IndexSource::Use source(source_);
    if (source.get() != nullptr) memory.structure_bytes = source.get()->memory_bytes();
    memory.other_bytes = bytes(tables_.squared_norms()) + rows / 8;
    return memory;
  }

  SnapshotHeader snapshot_header(CandidateSource* source) const {
    SnapshotHeader header;
    header.config = config_;
    header.code_bytes = tables_.code_bytes();
    if (quantizer_) header.quantizer_name = quantizer_->name();
    if (quantizer_) header.quantizer_parameters = quantizer_->parameters();
    header.calibrated = depths();
    header.row_count = tables_.row_count();
    if (source != nullptr) {
      header.source_name = source->name();
      header.source_parameters = source->parameters();
      for (const SourceColumn& column : source->columns()) {
        header.source_columns.push_back({column.number, column.rows, column.column->row_bytes()});
      }
    }
    return header;
  }

  bool fits(const SnapshotHeader& header) const {
    const SnapshotHeader mine = snapshot_header(nullptr);
    return header.config.dim == mine.config.dim && header.config.metric == mine.config.metric &&
           header.config.form == mine.config.form && header.code_bytes == mine.code_bytes &&
           header.quantizer_name == mine.quantizer_name;
  }

  // After a load: the rows are there, their floats are read from the store again.
  Status read_resident_floats() {
    RowColumn* floats = tables_.writable_floats();
    if (floats == nullptr) return {};
    Ordinal next = 0;
    const auto skip_buried = [&](Ordinal end) {
      while (next < end && tables_.is_buried(next)) std::fill_n(floats->row_as<float>(next++), config_.dim, 0.0f);
    };
    ORTHANT_TRY(stored_->scan(0, tables_.row_count(), [&](Ordinal ordinal, std::span<const float> row) {
      skip_buried(ordinal);
      if (next != ordinal) return false;
      std::ranges::copy(row, floats->row_as<float>(next++));
      return true;
    }));
    skip_buried(tables_.row_count());
    if (next != tables_.row_count()) return data_corruption(fmt::format("vector of row {}: not in the store", next));
    return {};
  }

  const IndexConfig config_;
  const FloatVectors* stored_;
  std::unique_ptr<const BinaryQuantizer> quantizer_;
  CodeTables tables_;
  IndexSource source_;
  // Set before the index serves; nothing where the quantizer came from a snapshot.
  std::optional<std::size_t> trained_rows_;

 private:
  // Dimensions that 1-bit codes hold.
  std::size_t code_dims() const { return std::min(config_.dim, 8 * tables_.code_bytes() / config_.code_bits); }

  std::vector<ScoredOrdinal> scored(const RescorePlan& plan, const std::vector<Candidate>& candidates,
                                    std::optional<float> threshold) const {
    const bool lower_is_better = lower_score_is_better(config_.metric);
    std::vector<ScoredOrdinal> result;
    result.reserve(candidates.size());
    for (const Candidate& candidate : candidates) {
      const float score = score_of(config_, plan, code_dims(), candidate.distance);
      if (threshold && !(lower_is_better ? score < *threshold : score > *threshold)) continue;
      result.push_back({candidate.ordinal, score});
    }
    return result;
  }

  // Rows when a quantizer was last trained, or this one found to serve still; 0: never.
  std::atomic<std::size_t> checked_rows_{0};
  // The source that the depths were measured with; compared only.
  std::atomic<const CandidateSource*> measured_source_{nullptr};
  std::mutex mutex_;
  std::vector<std::unique_ptr<const CalibratedDepths>> kept_depths_;  // guarded by mutex_
  // Published with release once the depths are whole.
  std::atomic<const CalibratedDepths*> depths_{nullptr};
};

VectorIndex::VectorIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VectorIndex::~VectorIndex() = default;

Result<std::unique_ptr<VectorIndex>> VectorIndex::create(const IndexConfig& config, const FloatVectors* stored) {
  ORTHANT_TRY(check(config, stored));
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::make_unique<Impl>(config, stored, 0, quantizer_for(config))));
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::load(const std::filesystem::path& file, const IndexConfig& config,
                                                       const FloatVectors* stored) {
  ORTHANT_TRY(check(config, stored));
  SnapshotReader reader = ORTHANT_TRY(SnapshotReader::open(file));
  const SnapshotHeader& header = reader.header();
  Quantizer quantizer;
  if (config.form == VectorForm::kFloat32) {
    quantizer = ORTHANT_TRY(restore_binary_quantizer(config, header.quantizer_name, header.quantizer_parameters));
  }
  auto impl = std::make_unique<Impl>(config, stored, header.row_count, std::move(quantizer));
  if (!impl->fits(header)) {
    return data_corruption(fmt::format("index snapshot {}: made for {} dimensions, {}, quantizer \"{}\"; expected {}, {}",
                                       file.string(), header.config.dim, metric_name(header.config.metric), header.quantizer_name,
                                       config.dim, metric_name(config.metric)));
  }
  ORTHANT_TRY(reader.read_into(impl->tables_));
  // A structure that is not wanted any more is not read; a build makes the one that is.
  const std::size_t live_rows = header.row_count - impl->tables_.buried_count();
  if (header.source_name != structure_name(wanted_structure(config, live_rows))) {
    if (header.source_name.empty()) ORTHANT_TRY(reader.read_end());
  } else {
    std::unique_ptr<CandidateSource> source = ORTHANT_TRY(load_source(header.source_name, header.source_parameters, impl->parts()));
    ORTHANT_TRY(reader.read_into(*source));
    ORTHANT_TRY(reader.read_end());
    impl->source_.adopt(std::move(source));
  }
  ORTHANT_TRY(impl->read_resident_floats());
  impl->take_saved_depths(header.calibrated);
  if (impl->quantizer_ && impl->quantizer_->is_trained()) impl->note_training_check(header.row_count);
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::move(impl)));
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::rebuild(const IndexConfig& config, const FloatVectors* stored, Ordinal row_count,
                                                          ThreadPool* pool) {
  ORTHANT_TRY(check(config, stored));
  if (config.form != VectorForm::kFloat32) return internal_error("an index of users' codes cannot be rebuilt from floats");
  std::unique_ptr<VectorIndex> index(new VectorIndex(std::make_unique<Impl>(config, stored, row_count, quantizer_for(config))));
  ORTHANT_TRY(index->append_stored(row_count, pool));
  return index;
}

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
    for (Piece& piece : pieces) append(*ORTHANT_TRY(std::move(piece)));
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
  return measured_error(*impl_->quantizer_, newest, config().dim) > kDriftedError;
}

// Whatever comes out, needs_training() does not ask again at once; after an error it does.
Result<std::unique_ptr<VectorIndex>> VectorIndex::retrained(ThreadPool* pool, const std::atomic<bool>& stop) const {
  const std::size_t checked_before = impl_->note_training_check(row_count());
  auto successor = make_successor(pool, stop);
  if (!successor) impl_->note_training_check(checked_before);
  return successor;
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::make_successor(ThreadPool* pool, const std::atomic<bool>& stop) const {
  const bool serves = impl_->quantizer_->is_trained() && !impl_->codes_are_too_short();
  if (serves && !ORTHANT_TRY(has_drifted())) return std::unique_ptr<VectorIndex>();
  const Ordinal rows = row_count();
  const std::vector<float> sample =
      ORTHANT_TRY(sample_rows(*impl_->stored_, impl_->tables_, 0, rows, wanted_training_rows(config()), kTrainingSeed));
  const CodeLength length = wanted_code_length(config(), live_count());
  Quantizer quantizer = ORTHANT_TRY(train_binary_quantizer(config(), sample, kTrainingSeed, pool, stop, length));
  std::unique_ptr<VectorIndex> successor(
      new VectorIndex(std::make_unique<Impl>(config(), impl_->stored_, rows, std::move(quantizer))));
  successor->impl_->note_training_check(rows);
  successor->impl_->trained_rows_ = sample.size() / config().dim;
  while (successor->row_count() < rows) {
    if (stop.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "encoding rows anew: stopped");
    ORTHANT_TRY(successor->append_stored(std::min<Ordinal>(rows, successor->row_count() + kRebuildPiece * kRebuildWave), pool));
  }
  return successor;
}

Status VectorIndex::take_over(const VectorIndex& predecessor, ThreadPool* pool) {
  ORTHANT_TRY(append_stored(predecessor.row_count(), pool));
  const CodeTables& tables = predecessor.impl_->tables_;
  for (std::size_t block = 0; block * kBlockRows < row_count(); ++block) {
    std::uint64_t missing = tables.buried_word(block) & ~impl_->tables_.buried_word(block);
    for (; missing != 0; missing &= missing - 1) {
      bury(static_cast<Ordinal>(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(missing))));
    }
  }
  return {};
}

std::string_view VectorIndex::quantizer_name() const {
  return impl_->quantizer_ ? impl_->quantizer_->name() : std::string_view();
}

Result<std::vector<float>> VectorIndex::prepare_vector(std::span<const float> vector) const {
  if (!all_finite(vector)) return invalid_argument("vector: holds a value that is not finite");
  std::vector<float> prepared(vector.begin(), vector.end());
  if (config().metric == Metric::kCosine && config().form == VectorForm::kFloat32) normalize(prepared);
  return prepared;
}

Result<std::shared_ptr<const EncodedRows>> VectorIndex::encode_rows(std::span<const float> vectors,
                                                                    std::span<const std::uint8_t> present) const {
  if (config().form != VectorForm::kFloat32) return invalid_argument("vectors: this collection takes ready codes, not floats");
  if (vectors.size() % config().dim != 0 || (!present.empty() && present.size() != vectors.size() / config().dim)) {
    return internal_error(fmt::format("{} floats and {} flags for rows of {}", vectors.size(), present.size(), config().dim));
  }
  return std::make_shared<const EncodedRows>(
      encode_float_rows(config(), *impl_->quantizer_, impl_->tables_.floats().kept(), vectors, present));
}

Result<std::shared_ptr<const EncodedRows>> VectorIndex::encode_codes(std::span<const std::uint8_t> codes,
                                                                     std::span<const std::uint8_t> present) const {
  if (config().form == VectorForm::kFloat32) return invalid_argument("vectors: this collection takes floats, not ready codes");
  const std::size_t row_bytes = code_row_bytes(config());
  if (codes.size() % row_bytes != 0 || (!present.empty() && present.size() != codes.size() / row_bytes)) {
    return internal_error(fmt::format("{} code bytes and {} flags for rows of {}", codes.size(), present.size(), row_bytes));
  }
  return std::make_shared<const EncodedRows>(encode_code_rows(config(), codes, present));
}

void VectorIndex::append(const EncodedRows& rows) {
  impl_->append(rows);
}
void VectorIndex::bury(Ordinal ordinal) {
  impl_->tables_.bury(ordinal);
}

Ordinal VectorIndex::row_count() const {
  return impl_->tables_.row_count();
}
std::size_t VectorIndex::live_count() const {
  return row_count() - impl_->tables_.buried_count();
}
bool VectorIndex::is_buried(Ordinal ordinal) const {
  return impl_->tables_.is_buried(ordinal);
}

Result<std::vector<ScoredOrdinal>> VectorIndex::search(std::span<const float> query, const SearchParams& params,
                                                       SearchTrace* trace) const {
  return impl_->search(query, params, trace);
}
Result<std::vector<std::vector<ScoredOrdinal>>> VectorIndex::search_batch(std::span<const float> queries,
                                                                          const SearchParams& params) const {
  return impl_->search_batch(queries, params);
}

Status VectorIndex::calibrate(ThreadPool* pool) {
  return impl_->calibrate(pool);
}
bool VectorIndex::needs_calibration() const {
  return impl_->needs_calibration();
}

bool VectorIndex::needs_build() const {
  return impl_->needs_build();
}
Status VectorIndex::build(ThreadPool* pool, const std::atomic<bool>& stop) {
  return impl_->build(pool, stop);
}
std::string_view VectorIndex::structure() const {
  const IndexSource::Use source(impl_->source_);
  return source.get() == nullptr ? "flat" : source.get()->name();
}
Ordinal VectorIndex::structure_rows() const {
  const IndexSource::Use source(impl_->source_);
  return source.get() == nullptr ? row_count() : source.get()->covered_count();
}

const IndexConfig& VectorIndex::config() const {
  return impl_->config_;
}
IndexMemory VectorIndex::memory() const {
  return impl_->memory();
}

Result<std::unique_ptr<QualityMeasurement>> VectorIndex::measure_quality(QualityRequest request) const {
  return start_quality_measurement(*this, impl_->parts(), impl_->source_, impl_->depths(), impl_->trained_rows_,
                                   std::move(request));
}

Status VectorIndex::save(const std::filesystem::path& file, const std::function<Status()>& before_commit) const {
  const auto lock = impl_->source_.hold_still();
  const IndexSource::Use source(impl_->source_);
  return save_snapshot(file, impl_->snapshot_header(source.get()), impl_->tables_, source.get(), before_commit);
}

}  // namespace orthant
