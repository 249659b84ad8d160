#pragma once
// SparseSlot: a named sparse vector of a table: its inverted index.

#include <functional>
#include <memory>

#include "base/thread_pool.h"
#include "engine/collection/slot_index.h"
#include "engine/storage/stored_table.h"
#include "index/sparse/sparse_index.h"

namespace orthant {

class SparseSlot final : public SlotIndex {
 public:
  SparseSlot(VectorConfig config, StoredTable table, Slot slot)
      : config_(std::move(config)), table_(std::move(table)), slot_(slot) {}

  // Enters the stored rows [0, row_count) but those that are left out (buried ones), in parallel on `pool` (may be null). Once,
  // before anything else.
  Status fill(Ordinal row_count, const std::function<bool(Ordinal)>& left_out, ThreadPool* pool);

  const VectorConfig& config() const override { return config_; }
  Result<std::string> prepare(const VectorValue& value) const override;
  Result<std::shared_ptr<const SlotRows>> encode(std::span<const std::string_view> rows) const override;
  Status make_room(Ordinal /*rows*/) override { return {}; }
  Status append(const SlotRows& rows) override;
  void bury(Ordinal ordinal) override;
  Ordinal row_count() const override { return index_.row_count(); }
  std::size_t live_count() const override { return index_.live_count(); }
  std::uint64_t vector_bytes() const override { return index_.value_bytes(); }
  Status check_query(const VectorValue& query) const override;
  Result<std::vector<ScoredOrdinal>> search(const VectorValue& query, const SearchParams& params,
                                            SearchTrace* trace) const override;
  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                     const SearchParams& params) const override;
  Result<std::vector<ScoredOrdinal>> search_in_corpus(const VectorValue& query, const SearchParams& params,
                                                      const Bitmap& corpus) const override;
  Result<std::vector<ScoredOrdinal>> search_examples_in_corpus(std::span<const VectorValue> examples, const ExampleScore& score,
                                                               const SearchParams& params, const Bitmap& corpus) const override;
  IndexStatistics statistics() const override;

 private:
  // The query's values as its modifier wants them. `corpus` may be null.
  std::vector<float> weights_of(const SparseVector& query, const Bitmap* corpus = nullptr) const;
  std::vector<ScoredOrdinal> search_by_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                const SearchParams& params, const Bitmap* corpus) const;

  const VectorConfig config_;
  const StoredTable table_;
  const Slot slot_;
  SparseIndex index_;
};

}  // namespace orthant
