#pragma once
// MemoryBudget: the memory that the indexes of a process may take together, and what they take. Each index keeps a MemoryShare and
// tells it how large it has grown; structure_choice.h asks what is left. Nothing is refused here. Any thread.

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <limits>

namespace orthant {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes = std::numeric_limits<std::size_t>::max()) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  std::size_t limit() const { return limit_; }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryShare;
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// What one index takes of a budget, which outlives it; null: of none, and there is no limit.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}
  ~MemoryShare() { set(0); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  void set(std::size_t bytes) {
    const std::size_t before = bytes_.exchange(bytes, std::memory_order_relaxed);
    if (budget_ != nullptr) budget_->used_.fetch_add(bytes - before, std::memory_order_relaxed);  // wraps around
  }
  // What the others leave.
  std::size_t available() const {
    if (budget_ == nullptr) return std::numeric_limits<std::size_t>::max();
    const std::size_t others = budget_->used() - bytes_.load(std::memory_order_relaxed);
    return others < budget_->limit() ? budget_->limit() - others : 0;
  }

 private:
  MemoryBudget* const budget_;
  std::atomic<std::size_t> bytes_{0};
};

// What the process gives an index and its configuration does not say.
struct IndexHome {
  // For codes on disk; exists. Empty: codes stay in memory whatever the configuration says.
  std::filesystem::path directory;
  MemoryBudget* budget = nullptr;  // outlives the index; null: no limit
};

}  // namespace orthant
