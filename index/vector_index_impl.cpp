#include "index/vector_index_impl.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/float_values.h"
#include "base/free_memory.h"
#include "index/calibrate.h"
#include "index/calibrate_source.h"
#include "index/example_search.h"
#include "index/kernels/dispatch.h"
#include "index/level_codes.h"

namespace orthant {
namespace {

constexpr std::size_t kFewRowsToCalibrate = 1'000;
constexpr std::size_t kFewRowsToTrain = 2'000;
// Rows that int8 codes hand on to floats where queries by example do not say: so many times the limit, and at least so many.
constexpr double kExampleOversampling = 4;
constexpr std::size_t kFewExampleCandidates = 100;

std::size_t float_bytes(const IndexConfig& config, std::size_t row_count) {
  return row_count * config.dim * sizeof(float);
}

bool wants_resident_floats(const IndexConfig& config, std::size_t row_count) {
  if (config.form != VectorForm::kFloat32 || config.residency == FloatResidency::kDisk) return false;
  return config.residency == FloatResidency::kMemory || float_bytes(config, row_count) < config.exact_below_bytes;
}

IndexConfig with_residency(IndexConfig config, CodeResidency residency) {
  config.code_residency = residency;
  return config;
}

}  // namespace

Encoders encoders_for(const IndexConfig& config) {
  return {config.form == VectorForm::kFloat32 ? make_binary_quantizer(config) : nullptr};
}

CodeResidency residency_for(const IndexConfig& config, const IndexHome& home, std::size_t row_count) {
  if (home.directory.empty()) return CodeResidency::kMemory;
  return wanted_residency(config, row_count, MemoryShare(home.budget).available());
}

VectorIndex::Impl::Impl(const IndexConfig& config, const IndexHome& home, CodeResidency residency, const FloatVectors* stored,
                        std::size_t row_count, Encoders encoders)
    : asked_config_(config),
      config_(with_residency(config, residency)),
      home_(home),
      stored_(stored),
      quantizer_(std::move(encoders.binary)),
      tables_(config, quantizer_ ? quantizer_->code_bytes() : (config.dim + 7) / 8, quantizer_ && quantizer_->has_row_scales(),
              wants_resident_floats(config, row_count),
              residency == CodeResidency::kDisk ? home.directory : std::filesystem::path(), std::move(encoders.int8_ranges)),
      memory_share_(home.budget) {
  publish_depths({});
}

IndexParts VectorIndex::Impl::parts(const CandidateSource* source) const {
  return {config_, tables_, distance_kernels(), quantizer_.get(), stored_, source, nullptr};
}

void VectorIndex::Impl::publish_depths(CalibratedDepths depths) {
  const std::lock_guard lock(mutex_);
  kept_depths_.push_back(std::make_unique<const CalibratedDepths>(std::move(depths)));
  depths_.store(kept_depths_.back().get(), std::memory_order_release);
}

bool VectorIndex::Impl::exact_is_cheap(std::size_t row_count) const {
  return tables_.floats().kept() && float_bytes(config_, row_count) < config_.exact_below_bytes;
}

Status VectorIndex::Impl::append(const EncodedRows& rows) {
  const std::size_t end = tables_.row_count() + rows.row_count;
  if (tables_.floats().kept() && !wants_resident_floats(config_, end)) tables_.drop_floats();
  ORTHANT_TRY(tables_.append(rows));
  note_memory();
  return {};
}

// ---- searching ----

Status VectorIndex::Impl::check_query(std::span<const float> query, const SearchParams& params) const {
  if (query.size() != config_.dim) {
    return invalid_argument(fmt::format("query vector: {} dimensions, expected {}", query.size(), config_.dim));
  }
  if (!all_finite(query)) return invalid_argument("query vector: holds a value that is not finite");
  if (params.oversampling && !(*params.oversampling >= 1)) {
    return invalid_argument(fmt::format("oversampling {}: expected at least 1", *params.oversampling));
  }
  return {};
}

Result<RescorePlan> VectorIndex::Impl::plan_for(const SearchParams& params, const RowMask& mask, const CandidateSource* source,
                                                PlanTrace* trace) const {
  const PlanFacts facts = {.row_count = mask.row_count(),
                           .eligible_count = mask.count(),
                           .exact_is_cheap = exact_is_cheap(mask.row_count()),
                           .covered_count = source == nullptr ? 0 : source->covered_count()};
  SearchParams bounded = params;
  bounded.limit = std::min(params.limit, facts.eligible_count);
  return make_rescore_plan(config_, bounded, depths(), facts, trace);
}

PreparedQuery VectorIndex::Impl::prepare(std::span<const float> query, const RescorePlan& plan) const {
  return prepare_query(config_.metric, quantizer_.get(), query, forms_for(plan, config_), tables_.int8_ranges());
}

IndexParts VectorIndex::Impl::parts_for(const SearchParams& params, const CandidateSource* source) const {
  IndexParts result = parts(source);
  result.helpers = params.helpers;
  return result;
}

Result<std::vector<ScoredOrdinal>> VectorIndex::Impl::search(std::span<const float> query, const SearchParams& params,
                                                             SearchTrace* trace) const {
  ORTHANT_TRY(check_query(query, params));
  const RowMask mask(tables_, params.allowed, tables_.row_count());
  const IndexSource::Use source(source_);
  const RescorePlan plan = ORTHANT_TRY(plan_for(params, mask, source.get(), trace == nullptr ? nullptr : &trace->plan));
  const PreparedQuery prepared = prepare(query, plan);
  return scored(plan, ORTHANT_TRY(run_plan(parts_for(params, source.get()), plan, prepared, mask, trace)), params.score_threshold);
}

Result<std::vector<std::vector<ScoredOrdinal>>> VectorIndex::Impl::search_batch(std::span<const float> queries,
                                                                                const SearchParams& params) const {
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
  for (const std::vector<Candidate>& found : ORTHANT_TRY(run_plan_for_all(parts_for(params, source.get()), plan, prepared, mask))) {
    results.push_back(scored(plan, found, params.score_threshold));
  }
  return results;
}

Result<std::vector<ScoredOrdinal>> VectorIndex::Impl::search_examples(std::span<const float> examples, const ExampleScore& score,
                                                                      const SearchParams& params) const {
  std::vector<PreparedQuery> prepared;
  for (std::size_t first = 0; first < examples.size(); first += config_.dim) {
    const auto example = examples.subspan(first, std::min(config_.dim, examples.size() - first));
    ORTHANT_TRY(check_query(example, params));
    prepared.push_back(prepare_query(config_.metric, nullptr, example, {.int8 = true}, tables_.int8_ranges()));
  }
  const RowMask mask(tables_, params.allowed, tables_.row_count());
  const bool exact = params.exact || exact_is_cheap(mask.row_count());
  ExampleSearch search = {.score = score, .examples = prepared, .limit = std::min(params.limit, mask.count())};
  if (!exact) {
    const double depth = std::ceil(static_cast<double>(search.limit) * params.oversampling.value_or(kExampleOversampling));
    search.depth = std::max(kFewExampleCandidates, static_cast<std::size_t>(std::min(depth, double{kNoOrdinal})));
  }
  return search_by_examples(parts_for(params, nullptr), search, mask);
}

std::vector<ScoredOrdinal> VectorIndex::Impl::scored(const RescorePlan& plan, const std::vector<Candidate>& candidates,
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

// ---- upkeep ----

Status VectorIndex::Impl::calibrate(ThreadPool* pool) {
  if (config_.form != VectorForm::kFloat32) return {};
  CalibratedDepths depths = ORTHANT_TRY(measure_depths(parts(), pool));
  if (depths.entries.empty()) return {};
  const IndexSource::Use source(source_);
  if (source.get() != nullptr) ORTHANT_TRY(measure_source(parts(source.get()), depths, pool));
  publish_depths(std::move(depths));
  measured_source_.store(source.get(), std::memory_order_relaxed);
  // The last step after training, encoding anew and building.
  give_back_free_memory();
  return {};
}

void VectorIndex::Impl::take_saved_depths(const CalibratedDepths& depths) {
  publish_depths(depths);
  if (depths.covered_count != 0) measured_source_.store(IndexSource::Use(source_).get(), std::memory_order_relaxed);
}

Status VectorIndex::Impl::build(ThreadPool* pool, const std::atomic<bool>& stop) {
  if (!codes_are_too_short() && source_.needs_build(config_, tables_)) ORTHANT_TRY(source_.build(parts(), pool, stop));
  note_memory();
  return {};
}

bool VectorIndex::Impl::needs_calibration() const {
  if (config_.form != VectorForm::kFloat32) return false;
  const std::size_t rows = tables_.row_count();
  if (rows - tables_.buried_count() < kFewRowsToCalibrate || exact_is_cheap(rows)) return false;
  return rows >= 2 * depths().index_rows || source_needs_calibration();
}

// Once a build has caught up with the rows, when the source is another one or has doubled since.
bool VectorIndex::Impl::source_needs_calibration() const {
  const IndexSource::Use source(source_);
  if (source.get() == nullptr || needs_build()) return false;
  return source.get() != measured_source_.load(std::memory_order_relaxed) ||
         source.get()->covered_count() >= 2 * depths().covered_count;
}

bool VectorIndex::Impl::needs_training() const {
  if (!is_trainable(config_)) return false;
  const std::size_t rows = tables_.row_count();
  if (rows - tables_.buried_count() < kFewRowsToTrain || exact_is_cheap(rows)) return false;
  if (codes_are_too_short()) return true;
  return rows >= 2 * checked_rows_.load(std::memory_order_relaxed);
}

bool VectorIndex::Impl::is_trained() const {
  if (!is_trainable(config_)) return false;
  const bool bits = trained_codes(config_) == BinaryCodes::kSign || quantizer_->is_trained();
  return bits && (config_.int8_codes == Int8Codes::kVector || tables_.int8_ranges() != nullptr);
}

bool VectorIndex::Impl::codes_are_too_short() const {
  if (!quantizer_ || quantizer_->code_bytes() == level_code_bytes(config_.dim, config_.code_bits)) return false;
  return wanted_code_length(config_, live_count()) == CodeLength::kWhole;
}

std::size_t VectorIndex::Impl::code_dims() const {
  return std::min(config_.dim, 8 * tables_.code_bytes() / config_.code_bits);
}

// Users' codes cannot be made anew; they are brought to the right place when they are next loaded.
bool VectorIndex::Impl::needs_move() const {
  if (config_.form != VectorForm::kFloat32 || config_.code_residency == CodeResidency::kDisk || home_.directory.empty())
    return false;
  const std::size_t moved_rows = moved_rows_.load(std::memory_order_relaxed);
  const std::size_t rows = tables_.row_count();
  if (moved_rows != 0 && rows < moved_rows + moved_rows / 8) return false;
  return wanted_residency(asked_config_, rows, memory_share_.available()) == CodeResidency::kDisk;
}

IndexMemory VectorIndex::Impl::memory() const {
  const std::size_t rows = tables_.row_count();
  IndexMemory memory;
  const auto count = [&](std::size_t& bytes, std::initializer_list<const RowColumn*> columns) {
    for (const RowColumn* column : columns) {
      if (column == nullptr) continue;
      bytes += column->memory_bytes(rows);
      memory.disk_bytes += column->disk_bytes(rows);
    }
  };
  const ResidentFloats::Use resident(tables_.floats());
  count(memory.binary_bytes, {tables_.bits(), tables_.row_major_bits(), tables_.bit_scales()});
  count(memory.int8_bytes, {tables_.int8_codes(), tables_.int8_scales()});
  count(memory.float_bytes, {resident.rows()});
  count(memory.other_bytes, {tables_.squared_norms()});
  memory.other_bytes += rows / 8;
  const IndexSource::Use source(source_);
  if (source.get() != nullptr) memory.structure_bytes = source.get()->memory_bytes();
  return memory;
}

// ---- snapshots ----

SnapshotHeader VectorIndex::Impl::snapshot_header(CandidateSource* source) const {
  SnapshotHeader header;
  header.config = config_;
  header.code_bytes = tables_.code_bytes();
  if (quantizer_) header.quantizer_name = quantizer_->name();
  if (quantizer_) header.quantizer_parameters = quantizer_->parameters();
  header.calibrated = depths();
  header.row_count = tables_.row_count();
  header.trained_rows = trained_rows_.value_or(0);
  if (tables_.int8_ranges() != nullptr) header.int8_ranges = tables_.int8_ranges()->parameters();
  if (source != nullptr) {
    header.source_name = source->name();
    header.source_parameters = source->parameters();
    for (const SourceColumn& column : source->columns()) {
      header.source_columns.push_back({column.number, column.rows, column.column->row_bytes()});
    }
  }
  return header;
}

bool VectorIndex::Impl::fits(const SnapshotHeader& header) const {
  const SnapshotHeader mine = snapshot_header(nullptr);
  return header.config.dim == mine.config.dim && header.config.metric == mine.config.metric &&
         header.config.form == mine.config.form && header.code_bytes == mine.code_bytes &&
         header.quantizer_name == mine.quantizer_name && header.int8_ranges.empty() == mine.int8_ranges.empty();
}

Status VectorIndex::Impl::read_resident_floats() {
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

}  // namespace orthant
