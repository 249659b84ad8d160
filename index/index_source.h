#pragma once
// IndexSource: the candidate source of one index and its upkeep: whether there is to be one, making it, taking rows in, repairing
// it, replacing it when it is outgrown. A search takes a Use and keeps it while it reads; a source that was replaced is freed by a
// later build once no search uses it.
//
// Threads: Use and needs_build() from any thread; build() from one thread at a time beside searches and the writer;
// hold_still() from any thread, waits for the piece of a build that is under way.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/candidates/candidate_source.h"
#include "index/quantizer.h"
#include "index/search_run.h"

namespace orthant {

class IndexSource {
 public:
  // Null get() when there is no source.
  class Use {
   public:
    explicit Use(const IndexSource& owner) : owner_(&owner) {
      // As in ResidentFloats::Use: both orders are sequentially consistent.
      owner_->users_.fetch_add(1, std::memory_order_seq_cst);
      source_ = owner_->current_.load(std::memory_order_seq_cst);
    }
    ~Use() { owner_->users_.fetch_sub(1, std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    CandidateSource* get() const { return source_; }

   private:
    const IndexSource* owner_;
    CandidateSource* source_;
  };

  bool needs_build(const IndexConfig& config, const CodeTables& tables) const;

  // Does a piece of what needs_build() asks for, at most some seconds of work; called again until it asks for no more.
  // `parts.source` is not looked at. Ends early, and well, when `stop` is set.
  Status build(const IndexParts& parts, ThreadPool* pool, const std::atomic<bool>& stop);

  // A copy for an index over the same rows, and maybe more of them, whose codes a new quantizer made: what took long to find out
  // need not be found out again. To be given finish_load() once those tables hold the rows of its columns. Null when there is
  // nothing that serves there. Waits for the piece of a build that is under way. io_error as reserve().
  Result<std::unique_ptr<CandidateSource>> copy_for(const IndexParts& successor) const;

  // Takes a loaded source, before the index is used.
  void adopt(std::unique_ptr<CandidateSource> source);

  // The source does not change while the lock is held.
  std::unique_lock<std::mutex> hold_still() const { return std::unique_lock(build_mutex_); }

 private:
  void replace(std::unique_ptr<CandidateSource> source);
  void free_unused();

  mutable std::mutex build_mutex_;
  std::unique_ptr<CandidateSource> owned_;                 // guarded by build_mutex_
  std::unique_ptr<CandidateSource> successor_;             // guarded by build_mutex_; not serving yet
  std::vector<std::unique_ptr<CandidateSource>> retired_;  // guarded by build_mutex_
  std::atomic<CandidateSource*> current_{nullptr};
  mutable std::atomic<std::size_t> users_{0};
};

}  // namespace orthant
