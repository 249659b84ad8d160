#pragma once
// Collection: a named set of points. Owns the view of its table, its writer and its configuration; borrows store, pools and syncer.
// It sees vectors only, never text or encoders.
//
// Threads. Reads (search, retrieve, scroll, count, info) run on the calling thread, any number at once, without locks against the
// writer. Writes are queued on one strand and applied in order: store batch (atomic) -> rows appended to the indexes -> replaced
// rows buried -> visible -> answered, after a sync of the log if asked for. A search that runs while a point is replaced may see
// neither or both of its rows for an instant; of both, it gives out the newer.
//
// Memory a point beyond the indexes: one bit. Ids and records are looked up in the store: a search needs ordinals only, and the k
// winners cost k reads.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/bulk_progress.h"
#include "engine/collection/catalog.h"
#include "engine/collection/explanation.h"
#include "engine/collection/measured_quality.h"
#include "engine/collection/records.h"
#include "engine/collection/table_view.h"
#include "engine/collection/write_op.h"
#include "engine/payload/unindexed_fields.h"
#include "engine/storage/log_syncer.h"
#include "engine/storage/store.h"
#include "index/vector_index.h"

namespace orthant {

// What collections share. All of it outlives them.
struct CollectionEnvironment {
  Store& store;
  LogSyncer& syncer;
  ThreadPool& write_pool;
  ThreadPool& search_pool;      // parallel parts of filters, and of rebuilding at the start
  ThreadPool& background_pool;  // calibration and reclaiming: nothing of it may hold up searches
  std::filesystem::path index_path;
  const std::atomic<bool>& stopping;  // long background work ends early
  bool sync_every_write = false;
  UpkeepLimits limits{};
  MemoryBudget* memory_budget = nullptr;  // of the indexes of all collections; null: no limit
};

struct WriteCommand {
  std::vector<WriteOp> ops;  // applied in order; each is atomic; the first failure ends the command
  // Of a command with one upsert: its lines are noted as done together with the points. Points of lines that are done already are
  // left out.
  std::optional<BulkPart> bulk_part{};
  bool wait_for_sync = true;
  // Asked before each op: an error drops the rest of the command. May be empty.
  std::function<Status()> admit;
};
// Operation ids, one for each op.
using WriteDone = std::move_only_function<void(Result<std::vector<std::uint64_t>>)>;

struct VectorSearch {
  std::string_view vector_name{};
  const VectorValue* vector = nullptr;  // of the kind that the name has; outlives the search
  const Filter* filter = nullptr;
  std::size_t limit = 10;
  std::size_t offset = 0;
  std::optional<PointId> excluded{};
  SearchParams params{};  // limit and allowed are set here
  PayloadSelector payload{};
  VectorSelector vectors{};
  bool explain = false;
  // VectorConfig::generation that the vector was encoded for: unavailable (another_model_serves()) where another one serves.
  std::optional<std::uint32_t> generation{};
};
// The error that tells a query to encode its text again.
std::unexpected<Error> another_model_serves();
bool is_another_model_serving(const Error& error);

// Of one vector, without filters and explanations, in the same way and as deep.
bool can_share(const VectorSearch& a, const VectorSearch& b);

struct PointScroll {
  std::optional<PointId> from{};
  const Filter* filter = nullptr;
  std::size_t limit = 10;
  std::size_t offset = 0;  // matching points to pass over
  PayloadSelector payload{};
  VectorSelector vectors{};
};
struct PointPage {
  std::vector<Record> points;
  std::optional<PointId> next;
};

struct QualityAsk {
  std::string_view vector_name{};
  std::size_t sampled_rows = 0;  // 0: as many as the kept result, or else the usual number
  bool refresh = false;          // a kept result does not do
};

// What the texts of a vector amount to.
struct TextCounts {
  std::uint64_t points_with_vector = 0;
  std::uint64_t texts = 0;    // those of them whose vector was made from a text that is kept
  std::uint64_t encoded = 0;  // texts that have an embedding by the other model already
};

// Texts that the other model has not encoded yet, and where the look-out for more goes on.
struct UnencodedTexts {
  std::uint32_t generation = 0;
  TableNumber table = 0;
  Ordinal next = 0;
  bool at_end = false;        // there were no more rows
  std::uint64_t encoded = 0;  // texts passed over because they are encoded
  std::vector<Ordinal> ordinals;
  std::vector<std::string> texts;  // of the ordinals
};

struct CollectionStatistics {
  std::uint64_t points = 0;
  std::uint64_t indexed_vectors = 0;
  std::uint64_t queued_writes = 0;
  std::uint64_t buried_rows = 0;
  std::uint64_t vector_bytes = 0;                       // of live points, as given, about
  std::uint64_t payload_bytes = 0;                      // as stored, with replaced points until their rows are reclaimed, about
  std::map<std::string, IndexStatistics> indexes;       // by vector name
  std::map<std::string, FieldIndexInfo> field_indexes;  // those that are built, by path
};

class CollectionReader;

class Collection {
 public:
  // Brings a recorded collection up.
  static Result<std::unique_ptr<Collection>> open(const CollectionEnvironment& environment, std::string name,
                                                  CollectionRecord record);
  // Records a new one, durably. Names are the caller's to keep apart. open() and record() are its two halves, for a collection
  // whose table is filled already.
  static Result<std::unique_ptr<Collection>> create(const CollectionEnvironment& environment, std::string name,
                                                    CollectionConfig config);
  static Status record(const CollectionEnvironment& environment, std::string_view name, const CollectionRecord& record);
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const;
  CollectionConfig config() const;
  CollectionStatistics statistics() const;
  // Fields that filters of reads asked about and that have no index, by JSON path, and a new start of noting them.
  std::map<std::string, UnindexedField> unindexed_fields() const;
  void forget_unindexed_fields() const;

  // ---- vectors on their way in ----
  // Checks (invalid_argument: unknown vector name, wrong kind or dimension, NaN or infinity, wrong form) and brings into the stored
  // form.
  Result<PreparedVector> prepare(std::string_view vector_name, const VectorValue& value) const;
  Result<PreparedVector> prepare_floats(std::string_view vector_name, std::span<const float> floats) const {
    return prepare(vector_name, std::vector<float>(floats.begin(), floats.end()));
  }
  Result<PreparedVector> prepare_codes(std::string_view vector_name, std::span<const std::uint8_t> codes) const;
  // A query given as codes, as the floats that search() takes.
  Result<std::vector<float>> query_from_codes(std::string_view vector_name, std::span<const std::uint8_t> codes) const;
  Result<VectorConfig> vector_config(std::string_view vector_name) const;
  Result<Slot> slot_of(std::string_view vector_name) const;
  std::string slot_name(Slot slot) const;

  // ---- writes ----
  // `done` is called once, on a thread of the write pool, unless this returns an error (full queue): then never.
  Status write(WriteCommand command, WriteDone done);
  // Edits the configuration in order with the writes. `change` gets a copy; its error changes nothing. Vector names may come and
  // go; kinds, dimensions, metrics, datatypes and forms of those that stay may not change (invalid_argument). Field indexes that
  // are added are built in the background: `done` is called when they answer filters if `wait_for_fields`, else once the change is
  // on disk.
  Status update_config(std::move_only_function<Status(CollectionConfig&)> change, std::move_only_function<void(Status)> done,
                       bool wait_for_fields = true);
  // Removes the record and the aliases named; what runs on the old state finishes on it, later requests get not_found.
  Status drop(std::vector<std::string> aliases, std::move_only_function<void(Status)> done);
  // Writes `successor` as the record of this name, in order with the writes, and stops being in charge: requests that still hold
  // this collection read its last state, their writes get `unavailable`. The caller has brought the successor up.
  Status yield_to(CollectionRecord successor, std::move_only_function<void(Status)> done);
  // For a collection that was opened and never recorded: its table goes with the last holder.
  void abandon();
  // Keeps the present table from being removed for as long as it is held. not_found once dropped.
  Result<std::shared_ptr<const TableView>> hold_table() const;

  // ---- reads ----
  struct SearchAnswer {
    std::vector<ScoredPoint> points;
    std::optional<SearchExplanation> explanation;  // where it was asked for
  };
  Result<SearchAnswer> search(const VectorSearch& request) const;
  // The same of each of several searches that can_share(): where codes are scanned, one pass over them serves all.
  Result<std::vector<SearchAnswer>> search_together(std::span<const VectorSearch> requests) const;
  // Whether that would be so.
  bool shares_passes(const VectorSearch& request) const;
  // In the order of `ids`, unknown ones left out.
  Result<std::vector<Record>> retrieve(std::span<const PointId> ids, const PayloadSelector& payload,
                                       const VectorSelector& vectors) const;
  Result<PointPage> scroll(const PointScroll& request) const;
  Result<std::uint64_t> count(const Filter* filter) const;
  // The present moment, for queries of several stages.
  Result<CollectionReader> reader() const;
  // The texts that the vectors of a point were made from, by vector name. Nothing when there is no such point.
  Result<std::optional<std::vector<std::pair<std::string, std::string>>>> source_texts(const PointId& id) const;

  // ---- re-embedding: how another model's embeddings of kept texts replace those that serve (collection_reembed.cpp) ----
  // Begun and ended by VectorConfig::reembedding in update_config(); the caller encodes.
  // Reads all records, on the calling thread. cancelled when the process is stopping.
  Result<TextCounts> count_texts(std::string_view vector_name) const;
  // Rows from `from` on (of that table; of another one: from its begin), at most `limit` texts.
  Result<UnencodedTexts> unencoded_texts(std::string_view vector_name, TableNumber table, Ordinal from, std::size_t limit) const;
  // The embeddings of those texts that serve, as stored; of a dense vector. rows x dim, in the order of the texts.
  Result<std::vector<float>> serving_embeddings(std::string_view vector_name, const UnencodedTexts& texts) const;
  // Vectors that have one.
  std::vector<std::string> reembedded_vectors() const;
  // Keeps embeddings of those texts. cancelled when the re-embedding was given up.
  void put_shadows(UnencodedTexts texts, std::vector<PreparedVector> shadows, std::move_only_function<void(Status)> done);
  // Makes the other model's embeddings those that serve, in one switch, and ends the re-embedding. unavailable: texts are not all
  // encoded, or the rows are being rewritten for another reason.
  void switch_to_shadows(std::string_view vector_name, std::function<void(Status)> done);

  // ---- bulk streams ----
  // Nothing when the collection knows no such operation. All that it tells is on disk.
  Result<std::optional<BulkProgress>> bulk_progress(std::string_view operation) const;
  Result<std::map<std::string, BulkProgress>> bulk_operations() const;

  // ---- quality ----
  // Measures what searches find and cost (index/quality.h), beside everything else and behind every waiting search; or gives the
  // last result. `done` is called once, on a thread of the search pool or here.
  void measure_quality(const QualityAsk& ask, std::move_only_function<void(Result<QualityAnswer>)> done) const;
  // Ranks `queries` (n x dim) exactly and as they are served, in the same manner. resource_exhausted while another does so.
  void rank_queries(std::string_view vector_name, std::vector<float> queries, std::vector<PointId> points,
                    std::move_only_function<void(Result<RankedQueries>)> done) const;

  // ---- upkeep ----
  // Copies the live rows to a new table and switches to it, whatever their share; `done` when finished. Runs by itself when much is
  // buried.
  void reclaim(std::function<void(Status)> done);
  // Saves index snapshots of large tables, on the calling thread, beside reads and writes.
  Status save_snapshots();

 private:
  friend class CollectionReader;
  class Impl;
  explicit Collection(std::shared_ptr<Impl> impl);
  // Shared with what is queued: tasks outlive the door.
  std::shared_ptr<Impl> impl_;
};

}  // namespace orthant
