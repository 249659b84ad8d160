#pragma once
// Collection::Impl: the collection's state, private to engine/collection. Readers take the state (view and configuration) under a
// lock held for two pointer copies; everything marked "writer" belongs to the strand.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "engine/collection/change.h"
#include "engine/collection/collection.h"
#include "engine/collection/field_build.h"
#include "engine/collection/quality_flights.h"
#include "engine/collection/reclaim.h"
#include "engine/collection/row_filter.h"
#include "engine/collection/table_view.h"
#include "engine/payload/unindexed_fields.h"

namespace orthant {

class Collection::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const CollectionEnvironment& shared, std::string collection_name, CollectionRecord record, std::shared_ptr<TableView> view,
       std::uint64_t last_operation);

  // not_found once the collection was dropped.
  Result<std::shared_ptr<TableView>> view() const;
  CollectionRecord record() const;
  Result<Slot> slot_of(std::string_view vector_name) const;
  // Of a slot whose name was removed: its number.
  std::string slot_name(Slot slot) const;

  // ---- reads (collection_read.cpp) ----
  // Rows that may be returned; null when there is no filter or an empty one. `trace` may be null; it is left alone without a
  // filter.
  Result<std::shared_ptr<const AllowedRows>> allowed_rows(const TableView& view, const Filter* filter,
                                                          std::optional<FilterTrace>* trace = nullptr) const;
  Result<std::shared_ptr<const AllowedRows>> find_rows(const TableView& view, const Filter& filter, FilterTrace* trace) const;
  Result<std::vector<Record>> load_records(const TableView& view, std::span<const Ordinal> ordinals, const PayloadSelector& payload,
                                           const VectorSelector& vectors) const;
  struct RowPage {
    std::vector<Ordinal> ordinals;
    std::optional<PointId> next;
  };
  // The rows of a page of scrolling.
  Result<RowPage> rows_by_id(const TableView& view, const PointScroll& request) const;
  SearchParams params_for(const VectorSearch& request, const TableView& view, const AllowedRows* allowed) const;
  Result<std::vector<ScoredPoint>> points_of(const TableView& view, const VectorSearch& request,
                                             std::span<const ScoredOrdinal> found) const;

  // ---- quality (collection_quality.cpp) ----
  // Answers through `quality`.
  void start_quality(std::shared_ptr<const TableView> view, Slot slot, QualityRequest request);
  Gauge& recall_gauge(Slot slot) const;
  void forget_quality() const;

  // ---- writer (collection_write.cpp) ----
  void run(WriteCommand command, WriteDone done);
  Result<std::uint64_t> apply(WriteOp op, const BulkPart* bulk_part);
  void publish(TableView& view, Change& change);
  void answer(bool synced, std::move_only_function<void(Status)> done);
  Status change_config(std::move_only_function<Status(CollectionConfig&)> change);
  // Calls `done` on the strand once the configured field indexes answer filters, or building one failed.
  void when_fields_ready(std::move_only_function<void(Status)> done);
  Status drop(const std::vector<std::string>& aliases);
  Status yield_to(const CollectionRecord& successor);
  // unavailable once another collection has taken this one's place: what would be written here would be lost.
  Status check_in_charge() const;

  // ---- upkeep (collection_upkeep.cpp) ----
  // After a write, once the answer is on its way.
  void keep_up(const std::shared_ptr<TableView>& view);
  // Brings the indexes up to date in the background. Any thread.
  void start_upkeep(const std::shared_ptr<TableView>& view);
  Status work_on(const std::shared_ptr<TableView>& view, Slot slot);
  Status bring_up_to_date(TableView& view, Slot slot, VectorIndex& index);
  Status succeed(const std::shared_ptr<TableView>& view, Slot slot, const std::shared_ptr<VectorIndex>& index);

  // ---- reclaiming (collection_reclaim.cpp) ----
  using ReclaimDone = std::function<void(Status)>;
  void start_reclaim(ReclaimDone done);
  void start_reclaim(CollectionRecord target, std::optional<ShadowSwitch> shadow_switch, ReclaimDone done);
  void continue_reclaim(const std::shared_ptr<Reclaim>& reclaim, ReclaimDone done);
  Status finish_reclaim(Reclaim& reclaim);
  void end_reclaim(Status result, const ReclaimDone& done);

  // ---- re-embedding (collection_reembed.cpp) ----
  Result<VectorConfig> vector_config(std::string_view vector_name) const;
  std::vector<std::string> reembedded_vectors() const;
  Status store_shadows(const UnencodedTexts& texts, const std::vector<PreparedVector>& shadows);
  void start_switch(Slot slot, ReclaimDone done);
  // Shadows of re-embeddings that `before` had and the present record has not. Writer.
  void remove_abandoned_shadows(const CollectionRecord& before, const TableView& current) const;
  // Slots whose texts are being encoded by another model. Writer.
  std::vector<Slot> shadowed_slots() const;
  // Of the record that the table of `reclaim` is to have.
  Status apply_switch(const ShadowSwitch& shadow_switch, CollectionRecord& record) const;

  // ---- field indexes (collection_fields.cpp) ----
  // Removes what is not configured any more and starts building what is missing. Waits for a reclaim that runs.
  void update_fields();
  void continue_field_build(const std::shared_ptr<FieldBuild>& build, const std::shared_ptr<TableView>& target);
  void end_field_build(Status result);
  void answer_field_waiters(const Status& result);

  const CollectionEnvironment environment;
  const std::string name;
  // Raised after every visible change; names the state that cached bitmaps belong to.
  std::atomic<std::uint64_t> version{1};
  mutable FilterCache filter_cache;
  mutable UnindexedFields unindexed_fields;
  QualityFlights quality;
  Strand strand;

 private:
  mutable std::mutex state_mutex_;
  CollectionRecord record_;           // guarded by state_mutex_; changed by the writer
  std::shared_ptr<TableView> view_;   // guarded by state_mutex_; null once dropped
  std::uint64_t last_operation_ = 0;  // writer
  bool yielded_ = false;              // writer
  // Writer: what happened to old rows since the reclaim that runs last looked. Nothing when none runs.
  std::optional<RowJournal> journal_;
  std::uint64_t next_reclaim_at_ = 0;  // writer: buried rows, raised after a failed attempt
  // Writer: the configuration of an index changed while a reclaim with the old one ran.
  bool rebuild_wanted_ = false;
  // Writer: rows whose payload was edited since the build of field indexes that runs last looked. Nothing when none runs; never
  // together with a reclaim.
  std::optional<std::vector<Ordinal>> field_journal_;
  std::vector<std::move_only_function<void(Status)>> field_waiters_;  // writer
  std::atomic<bool> upkeep_runs_{false};
};

}  // namespace orthant
