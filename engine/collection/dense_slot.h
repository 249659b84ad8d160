#pragma once
// DenseSlot: a named dense vector of a table: its VectorIndex and the stored floats that the index reads.

#include <memory>

#include "engine/collection/slot_index.h"
#include "engine/storage/float_vectors.h"

namespace orthant {

class DenseSlot final : public SlotIndex {
 public:
  // `floats` is what `index` was made with; null for codes that users bring.
  DenseSlot(VectorConfig config, std::shared_ptr<StoredFloatVectors> floats, std::shared_ptr<VectorIndex> index)
      : config_(std::move(config)), floats_(std::move(floats)), index_(std::move(index)) {}

  const VectorConfig& config() const override { return config_; }
  Result<std::string> prepare(const VectorValue& value) const override;
  Result<std::shared_ptr<const SlotRows>> encode(std::span<const std::string_view> rows) const override;
  Status make_room(Ordinal rows) override { return index_->make_room(rows); }
  Status append(const SlotRows& rows) override;
  void bury(Ordinal ordinal) override { index_->bury(ordinal); }
  Ordinal row_count() const override { return index_->row_count(); }
  std::size_t live_count() const override { return index_->live_count(); }
  Status check_query(const VectorValue& query) const override;
  Result<std::vector<ScoredOrdinal>> search(const VectorValue& query, const SearchParams& params,
                                            SearchTrace* trace) const override;
  Result<std::vector<std::vector<ScoredOrdinal>>> search_batch(std::span<const VectorValue* const> queries,
                                                               const SearchParams& params) const override;
  bool shares_passes(const SearchParams& params) const override;
  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                     const SearchParams& params) const override;
  IndexStatistics statistics() const override;
  VectorIndex* dense() const override { return index_.get(); }

  const std::shared_ptr<StoredFloatVectors>& floats() const { return floats_; }

 private:
  const VectorConfig config_;
  const std::shared_ptr<StoredFloatVectors> floats_;
  const std::shared_ptr<VectorIndex> index_;
};

}  // namespace orthant
