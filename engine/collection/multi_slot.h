#pragma once
// MultiSlot: a named multivector of a table: its vectors in memory.

#include <memory>

#include "engine/collection/slot_index.h"
#include "index/multi/multi_index.h"

namespace orthant {

class MultiSlot final : public SlotIndex {
 public:
  explicit MultiSlot(VectorConfig config) : config_(std::move(config)), index_(config_.index.dim, config_.index.metric) {}

  const VectorConfig& config() const override { return config_; }
  Result<std::string> prepare(const VectorValue& value) const override;
  Result<std::shared_ptr<const SlotRows>> encode(std::span<const std::string_view> rows) const override;
  Status make_room(Ordinal /*rows*/) override { return {}; }
  Status append(const SlotRows& rows) override;
  void bury(Ordinal ordinal) override { index_.bury(ordinal); }
  Ordinal row_count() const override { return index_.row_count(); }
  std::size_t live_count() const override { return index_.live_count(); }
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

  const VectorConfig config_;
  MultiIndex index_;
};

}  // namespace orthant
