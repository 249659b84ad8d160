#pragma once
// MultiSlot: a named multivector of a table: its codes in memory, its floats in the store.

#include <memory>

#include "engine/collection/slot_index.h"
#include "engine/storage/stored_table.h"
#include "index/multi/multi_index.h"

namespace orthant {

class MultiSlot final : public SlotIndex {
 public:
  MultiSlot(VectorConfig config, StoredTable table, Slot slot)
      : config_(std::move(config)),
        stored_(config_, std::move(table), slot),
        index_(config_.index.dim, config_.index.metric, stored_) {}

  const VectorConfig& config() const override { return config_; }
  Result<std::string> prepare(const VectorValue& value) const override;
  Result<std::shared_ptr<const SlotRows>> encode(std::span<const std::string_view> rows) const override;
  Status make_room(Ordinal /*rows*/) override { return {}; }
  Status append(const SlotRows& rows) override;
  void bury(Ordinal ordinal) override { index_.bury(ordinal); }
  Ordinal row_count() const override { return index_.row_count(); }
  std::size_t live_count() const override { return index_.live_count(); }
  std::uint64_t vector_bytes() const override { return std::uint64_t{index_.vector_count()} * config_.index.dim * sizeof(float); }
  // A list of numbers stands for a multivector of one vector.
  Status check_query(const VectorValue& query) const override;
  Result<std::vector<ScoredOrdinal>> search(const VectorValue& query, const SearchParams& params,
                                            SearchTrace* trace) const override;
  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                     const SearchParams& params) const override;
  IndexStatistics statistics() const override;

 private:
  // The vectors of a query or an example as the index compares them.
  std::vector<float> compared(const VectorValue& query) const;

  class StoredVectors final : public MultiVectors {
   public:
    StoredVectors(const VectorConfig& config, StoredTable table, Slot slot)
        : config_(config), table_(std::move(table)), slot_(slot) {}
    Status read(std::span<const Ordinal> ordinals,
                const std::function<void(std::size_t i, std::span<const float> vectors)>& visit) const override;

   private:
    const VectorConfig& config_;  // the slot's
    const StoredTable table_;
    const Slot slot_;
  };

  const VectorConfig config_;
  const StoredVectors stored_;
  MultiIndex index_;
};

}  // namespace orthant
