#pragma once
// VectorIndex: one vector of a collection, searchable. The only type that knows that a vector lives as binary code, int8 code and
// floats. It is a view: everything in it can be rebuilt from FloatVectors (or from the users' codes), or loaded from a snapshot.
//
// Threads: encode_rows(), search() and save() from any number of threads; append() and bury() from one writer at a time, build()
// and calibrate() from one builder at a time, all beside each other. Searches take no lock: rows are append-only, the row count is
// published last (release/acquire), and a search sees the rows that were published when it began. Sources of the parts stand in
// their own headers.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bitmap.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "index/example_score.h"
#include "index/float_vectors.h"
#include "index/index_config.h"
#include "index/memory_budget.h"

namespace orthant {

// Rows ready to be appended: codes and (where they stay in memory) floats. Made in parallel, appended by the writer.
class EncodedRows;
struct Encoders;  // what makes codes

// index/quality.h
class QualityMeasurement;
struct QualityRequest;

// Which stages a search runs. kAuto lets the index choose (exact while small, else the calibrated plan). The others are for
// `orthant eval`, benchmarks and tests.
enum class SearchStages {
  kAuto,
  kFloat32,      // exact scan of floats
  kInt8,         // scan of int8 codes, their score
  kBinary,       // Hamming over sign bits, both sides binary
  kAsymmetric,   // float query against sign bits
  kBinaryFloat,  // Hamming, then float rescoring
  kBinaryInt8,   // Hamming, then int8 rescoring
  kBinaryInt8Float,
  kAsymmetricInt8Float,
};
std::string_view search_stages_name(SearchStages stages);  // "float32", "binary+int8", ... as DESIGN's eval names

struct SearchParams {
  std::size_t limit = 10;
  SearchStages stages = SearchStages::kAuto;
  // Scan floats whatever the size.
  bool exact = false;
  // Unset: rescore with floats. False: give the scores of the codes.
  std::optional<bool> rescore = std::nullopt;
  // The first stage hands on limit * oversampling candidates. Unset: the calibrated depth.
  std::optional<double> oversampling = std::nullopt;
  // How hard the candidate source tries (beam width of a graph, probed lists). Unset: as calibrated. 0: rows are scanned.
  std::optional<std::size_t> effort = std::nullopt;
  // Overrides the index's target for this search.
  std::optional<double> target_recall = std::nullopt;
  // Rows that may be returned; null: all. Shorter than the row count: rows past its end are not allowed.
  const Bitmap* allowed = nullptr;
  // Only scores strictly better than this.
  std::optional<float> score_threshold = std::nullopt;
  // Threads that may help with a scan of some hundred thousand rows while nothing waits for them; null: none. The results are the
  // same. The search may run on one of them.
  ThreadPool* helpers = nullptr;

  bool operator==(const SearchParams&) const = default;
};

struct ScoredOrdinal {
  Ordinal ordinal = kNoOrdinal;
  float score = 0;
};

// Why a search took the way that it took. Costs are in rows of a 1-bit scan that take as long.
struct PlanTrace {
  std::string reason;
  double scan_cost = 0;    // of scanning all rows
  double source_cost = 0;  // of the graph or lists at the effort that reaches the target, under the search's filter; 0: no such way
  double listed_cost = 0;  // of scoring the rows that may be returned by their int8 codes
  std::size_t effort = 0;  // of the graph or lists; 0: rows are scanned
  std::size_t first_depth = 0;
  std::size_t int8_depth = 0;
  // Relative to the norm of the query; nothing where the depth alone decides.
  std::optional<float> first_margin = std::nullopt;
  std::optional<float> int8_margin = std::nullopt;
  double target_recall = 0;
  // The entry of the calibration table that the target took; nothing before calibration and beyond the table.
  std::optional<double> calibrated_target = std::nullopt;
  std::size_t calibrated_rows = 0;  // rows that the index had when it was calibrated; 0: never
  std::size_t row_count = 0;
  std::size_t eligible_count = 0;  // rows that could be returned
  std::size_t covered_count = 0;   // rows in the graph or lists
};

// What a search did, for "explain", eval and metrics.
struct SearchTrace {
  struct Stage {
    std::string name;
    std::size_t candidates_in = 0;
    std::size_t candidates_out = 0;
    // Of a candidate source: rows expanded or lists read, and rows whose distance was estimated. Of a rescoring stage: rows whose
    // finer distance was computed.
    std::size_t visited = 0;
    std::size_t compared = 0;
    double microseconds = 0;
    // The distance (the stage's own, lower is nearer) of the farthest candidate that was handed on; nothing when none was turned
    // away.
    std::optional<float> bound = std::nullopt;
    // The distance of the stage before beyond which candidates were not rescored; nothing when all were.
    std::optional<float> entry_bound = std::nullopt;
  };
  std::vector<Stage> stages;
  PlanTrace plan;
};

struct IndexMemory {
  std::size_t binary_bytes = 0;
  std::size_t int8_bytes = 0;
  std::size_t float_bytes = 0;
  std::size_t structure_bytes = 0;  // a graph or lists
  std::size_t other_bytes = 0;
  std::size_t disk_bytes = 0;  // of codes that live in files: none of it is in the sums above
  std::size_t total() const { return binary_bytes + int8_bytes + float_bytes + structure_bytes + other_bytes; }
};

class VectorIndex {
 public:
  // `stored` must outlive the index; null for VectorForm::kInt8 and kUbinary. Without a home codes stay in memory.
  static Result<std::unique_ptr<VectorIndex>> create(const IndexConfig& config, const FloatVectors* stored,
                                                     const IndexHome& home = {});

  // Reads what save() wrote. data_corruption when the file is damaged (checksum) or was made for another configuration: the caller
  // then rebuilds. The result holds the rows [0, row_count()) as of the save, burials included. Codes that live in files are copied
  // out of the snapshot: their files hold nothing that outlasts the process, so nothing of them can be found half written.
  static Result<std::unique_ptr<VectorIndex>> load(const std::filesystem::path& file, const IndexConfig& config,
                                                   const FloatVectors* stored, const IndexHome& home = {});

  // A new index over rows [0, row_count) of `stored`; rows that it lacks are buried. In parallel on `pool` (may be null).
  static Result<std::unique_ptr<VectorIndex>> rebuild(const IndexConfig& config, const FloatVectors* stored, Ordinal row_count,
                                                      ThreadPool* pool, const IndexHome& home = {});

  ~VectorIndex();
  VectorIndex(const VectorIndex&) = delete;
  VectorIndex& operator=(const VectorIndex&) = delete;

  // What a vector must satisfy before it is written: the length is checked by the caller; values must be finite
  // (invalid_argument). For Metric::kCosine returns it normalized (a zero vector stays zero). The store keeps this form.
  Result<std::vector<float>> prepare_vector(std::span<const float> vector) const;

  // `vectors`: n x dim, row-major, as prepare_vector gave them; `present[i]` false (or an absent span: all present) marks a row
  // without this vector. Takes no lock, changes nothing.
  Result<std::shared_ptr<const EncodedRows>> encode_rows(std::span<const float> vectors,
                                                         std::span<const std::uint8_t> present = {}) const;
  // The same for ready codes: n x dim int8 values, or n x ceil(dim / 8) ubinary bytes, as config().form says.
  Result<std::shared_ptr<const EncodedRows>> encode_codes(std::span<const std::uint8_t> codes,
                                                          std::span<const std::uint8_t> present = {}) const;

  // The rows get the ordinals row_count(), row_count() + 1, ...; visible to searches when this returns. io_error when codes live on
  // disk and it is full: then nothing has changed, and the same rows may be appended later. make_room() finds that out beforehand:
  // once it has returned well, appending so many rows does not fail.
  Status append(const EncodedRows& rows);
  Status make_room(std::size_t rows);
  // The row is never returned again. Burying twice is allowed.
  void bury(Ordinal ordinal);

  Ordinal row_count() const;
  std::size_t live_count() const;
  bool is_buried(Ordinal ordinal) const;

  // Best first; equal scores by ascending ordinal. Scores as the metric's users see them. `query` holds dim floats, not
  // necessarily normalized. `trace` may be null.
  Result<std::vector<ScoredOrdinal>> search(std::span<const float> query, const SearchParams& params,
                                            SearchTrace* trace = nullptr) const;
  // The same for several queries, n x dim: one pass over the codes serves several of them.
  Result<std::vector<std::vector<ScoredOrdinal>>> search_batch(std::span<const float> queries, const SearchParams& params) const;

  // The rows with the best `score` over their similarities to `examples` (n x dim, in the order that the score wants), best first,
  // equal ones by ascending ordinal. Exact over floats while searches are exact, and with `exact`; as exact as the codes are where
  // users brought codes; else the best limit * oversampling (4) rows by int8 codes are scored again by floats. Of `params` also
  // `allowed` and `helpers` count. invalid_argument for vectors of single bits.
  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const float> examples, const ExampleScore& score,
                                                     const SearchParams& params) const;

  // Codes are made by a quantizer that is trained on the collection's own rows (docs/quantizers.md): a new index begins with signs.
  // needs_training() asks for one once there are enough rows, and asks to look again whenever the rows have doubled. retrained()
  // gives an index over the same rows, same ordinals and burials, encoded anew, with the graph that there was: null when the
  // quantizer still serves the newest rows as it served those it was trained on; cancelled when `stop` is set. Long; beside
  // searches and the writer, one at a time.
  bool needs_training() const;
  Result<std::unique_ptr<VectorIndex>> retrained(ThreadPool* pool, const std::atomic<bool>& stop) const;
  // The memory that is left for this index (IndexHome, IndexConfig::memory_budget_bytes) does not hold its codes any more: moved()
  // gives an index over the same rows with its codes on disk, by the same quantizer. Long; beside searches and the writer, one at a
  // time. An index on disk stays there.
  bool needs_move() const;
  Result<std::unique_ptr<VectorIndex>> moved(ThreadPool* pool, const std::atomic<bool>& stop) const;
  // On either successor, before it serves: appends what the index has appended since and buries what it has buried. By the writer
  // last, so that nothing happens between this and the switch.
  Status take_over(const VectorIndex& predecessor, ThreadPool* pool);
  // "sign", "rotated" or "learned"; empty for users' codes.
  std::string_view quantizer_name() const;

  // Measures on the index's own rows how deep the stages must go for config().target_recall, and takes the result for the
  // searches to come. Called by the writer's side after growth (needs_calibration()); searches before the first call use depths
  // that are safe for sentence embeddings. Takes no lock against searches.
  Status calibrate(ThreadPool* pool);
  bool needs_calibration() const;

  // Beyond some hundred thousand rows (config().structure) searches go through a graph or lists, built beside them: rows that are
  // not in it yet are scanned, so answers are complete at any time. build() takes in what is missing, repairs what deletions left,
  // and measures the structure anew when it has grown; long, on `pool` (may be null); ends early, and well, when `stop` is set.
  bool needs_build() const;
  Status build(ThreadPool* pool, const std::atomic<bool>& stop);
  // What serves searches now: "flat", "graph" or "lists", and how many rows it covers (all, when flat).
  std::string_view structure() const;
  Ordinal structure_rows() const;

  const IndexConfig& config() const;  // as it was given
  // Where its codes live: kMemory or kDisk.
  CodeResidency code_residency() const;
  IndexMemory memory() const;

  // Measures what searches find and cost (index/quality.h). The index outlives the measurement. invalid_argument for given queries
  // that do not fit, or that are too many.
  Result<std::unique_ptr<QualityMeasurement>> measure_quality(QualityRequest request) const;

  // Writes a snapshot with checksum of the rows that are published when it begins: beside, synced, then renamed. Waits for the
  // piece of a build that is under way. Rows buried meanwhile may be missing from it: the caller buries again when it loads.
  Status save(const std::filesystem::path& file, const std::function<Status()>& before_commit = {}) const;

 private:
  class Impl;
  explicit VectorIndex(std::unique_ptr<Impl> impl);
  // Appends the rows [row_count(), end) of the store; those that it lacks are buried.
  Status append_stored(Ordinal end, ThreadPool* pool);
  Result<bool> has_drifted() const;
  void bury_as(const VectorIndex& predecessor);
  Status take_source_of(const VectorIndex& predecessor, ThreadPool* pool);
  Result<std::unique_ptr<VectorIndex>> train_successor(ThreadPool* pool, const std::atomic<bool>& stop) const;
  Result<std::unique_ptr<VectorIndex>> make_successor(Encoders encoders, CodeResidency residency, ThreadPool* pool,
                                                      const std::atomic<bool>& stop) const;

  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
