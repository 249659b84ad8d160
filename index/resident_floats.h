#pragma once
// ResidentFloats: the float rows of an index in memory, which the writer may drop for good while searches run. A search takes a
// Use and keeps it while it reads; rows that are in use are freed by a later call of the writer.

#include <atomic>
#include <cstddef>
#include <memory>

#include "index/row_column.h"

namespace orthant {

class ResidentFloats {
 public:
  // Null rows() when the floats were dropped (or never kept).
  class Use {
   public:
    explicit Use(const ResidentFloats& owner) : owner_(&owner) {
      // Both this order and the writer's (drop the pointer, then read the count) are sequentially consistent: either this user
      // finds the pointer gone, or the writer finds this user.
      owner_->users_.fetch_add(1, std::memory_order_seq_cst);
      rows_ = owner_->current_.load(std::memory_order_seq_cst);
    }
    ~Use() { owner_->users_.fetch_sub(1, std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    const RowColumn* rows() const { return rows_; }

   private:
    const ResidentFloats* owner_;
    const RowColumn* rows_;
  };

  ResidentFloats(std::size_t dim, bool keep) {
    if (keep) rows_ = std::make_unique<RowColumn>(dim * sizeof(float));
    current_.store(rows_.get());
  }

  // Any thread.
  bool kept() const { return current_.load(std::memory_order_acquire) != nullptr; }

  // The rest is the writer's. Null once dropped.
  RowColumn* writable() { return current_.load(std::memory_order_relaxed); }
  void drop() {
    current_.store(nullptr, std::memory_order_seq_cst);
    free_unused();
  }
  // Frees dropped rows unless a search still reads them.
  void free_unused() {
    if (rows_ != nullptr && !kept() && users_.load(std::memory_order_seq_cst) == 0) rows_.reset();
  }

 private:
  std::unique_ptr<RowColumn> rows_;  // the writer's
  std::atomic<RowColumn*> current_{nullptr};
  mutable std::atomic<std::size_t> users_{0};
};

}  // namespace orthant
