#pragma once
// VectorIndex::Impl: what an index holds: quantizer, tables, candidate source, measured depths, and its share of the memory budget.
// Private to vector_index*.cpp. Threads as the door says.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "index/candidates/source_factory.h"
#include "index/code_tables.h"
#include "index/index_source.h"
#include "index/quantizer.h"
#include "index/rescore_plan.h"
#include "index/search_run.h"
#include "index/snapshot.h"
#include "index/structure_choice.h"
#include "index/vector_index.h"

namespace orthant {

// What makes the codes of an index.
struct Encoders {
  std::unique_ptr<const BinaryQuantizer> binary;                 // null for forms without floats
  std::shared_ptr<const DimensionRanges> int8_ranges = nullptr;  // null: int8 codes have a scale each
};

// Untrained ones for the configuration.
Encoders encoders_for(const IndexConfig& config);

// Where the codes of a new index over so many rows are to live: kMemory or kDisk.
CodeResidency residency_for(const IndexConfig& config, const IndexHome& home, std::size_t row_count);

class VectorIndex::Impl {
 public:
  // `residency` is kMemory or kDisk, the latter only where the home has a directory.
  Impl(const IndexConfig& config, const IndexHome& home, CodeResidency residency, const FloatVectors* stored, std::size_t row_count,
       Encoders encoders);

  IndexParts parts(const CandidateSource* source = nullptr) const;
  const CalibratedDepths& depths() const { return *depths_.load(std::memory_order_acquire); }

  Status append(const EncodedRows& rows);
  Status make_room(std::size_t rows) { return tables_.reserve(tables_.row_count() + rows); }

  Result<std::vector<ScoredOrdinal>> search(std::span<const float> query, const SearchParams& params, SearchTrace* trace) const;
  Result<std::vector<std::vector<ScoredOrdinal>>> search_batch(std::span<const float> queries, const SearchParams& params) const;

  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const float> examples, const ExampleScore& score,
                                                     const SearchParams& params) const;

  Status calibrate(ThreadPool* pool);
  bool needs_calibration() const;
  void take_saved_depths(const CalibratedDepths& depths);

  // While floats are small and in memory no search needs a structure.
  bool needs_build() const {
    return !exact_is_cheap(tables_.row_count()) && !codes_are_too_short() && source_.needs_build(config_, tables_);
  }
  Status build(ThreadPool* pool, const std::atomic<bool>& stop);

  bool needs_training() const;
  // All that training makes for this configuration is there.
  bool is_trained() const;
  std::size_t live_count() const { return tables_.row_count() - tables_.buried_count(); }
  // The index has grown beyond scans, for which its codes were made.
  bool codes_are_too_short() const;
  // Returns what was noted before.
  std::size_t note_training_check(std::size_t row_count) { return checked_rows_.exchange(row_count, std::memory_order_relaxed); }
  bool needs_move() const;
  // Returns what was noted before. Until the rows have grown by an eighth needs_move() does not ask again.
  std::size_t note_move(std::size_t row_count) { return moved_rows_.exchange(row_count, std::memory_order_relaxed); }

  IndexMemory memory() const;
  void note_memory() { memory_share_.set(memory().total()); }

  SnapshotHeader snapshot_header(CandidateSource* source) const;
  bool fits(const SnapshotHeader& header) const;
  // After a load: the rows are there, their floats are read from the store again.
  Status read_resident_floats();

  const IndexConfig asked_config_;  // as it was given
  const IndexConfig config_;        // with the code residency that was chosen
  const IndexHome home_;
  const FloatVectors* stored_;
  const std::unique_ptr<const BinaryQuantizer> quantizer_;  // null for forms without floats
  CodeTables tables_;
  IndexSource source_;
  // Set before the index serves; nothing where the quantizer is untrained, or came from a snapshot that did not say.
  std::optional<std::size_t> trained_rows_;

 private:
  // Earlier ones stay: searches may be reading them, and there are few (one a doubling of the rows).
  void publish_depths(CalibratedDepths depths);
  bool exact_is_cheap(std::size_t row_count) const;
  bool source_needs_calibration() const;
  // Dimensions that 1-bit codes hold.
  std::size_t code_dims() const;
  Status check_query(std::span<const float> query, const SearchParams& params) const;
  Result<RescorePlan> plan_for(const SearchParams& params, const RowMask& mask, const CandidateSource* source,
                               PlanTrace* trace = nullptr) const;
  PreparedQuery prepare(std::span<const float> query, const RescorePlan& plan) const;
  IndexParts parts_for(const SearchParams& params, const CandidateSource* source) const;
  std::vector<ScoredOrdinal> scored(const RescorePlan& plan, const std::vector<Candidate>& candidates,
                                    std::optional<float> threshold) const;

  MemoryShare memory_share_;
  // Rows when a quantizer was last trained, or this one found to serve still; 0: never.
  std::atomic<std::size_t> checked_rows_{0};
  // Rows when a successor on disk was last made; 0: never.
  std::atomic<std::size_t> moved_rows_{0};
  // The source that the depths were measured with; compared only.
  std::atomic<const CandidateSource*> measured_source_{nullptr};
  std::mutex mutex_;
  std::vector<std::unique_ptr<const CalibratedDepths>> kept_depths_;  // guarded by mutex_
  // Published with release once the depths are whole.
  std::atomic<const CalibratedDepths*> depths_{nullptr};
};

}  // namespace orthant
