#pragma once
// BatchRunner: the bounded queue of models that answer a request by themselves (rerankers, sparse encoders). A request is cut into
// batches of about so many tokens, the longest first; a few tasks in the pool take one batch each and queue again, so that other
// work goes between them. All methods may be called from any thread.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"

namespace orthant {

struct BatchRunnerOptions {
  std::size_t max_batch_tokens = 512;       // a batch holds about this many, or one text
  std::size_t max_queued_tokens = 1 << 20;  // past this, submit() answers resource_exhausted
};

class BatchRunner {
 public:
  struct Work {
    std::vector<std::size_t> tokens;  // of each item, estimated
    // Computes the items at these positions; called from several threads at once, for positions that are apart.
    std::function<Status(std::span<const std::size_t>)> run;
    std::move_only_function<void(Status)> done;  // called once, on a thread of the pool, or in submit() when refused or empty
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    std::shared_ptr<const std::atomic<bool>> cancelled;  // may be null
  };

  // `pool` must outlive the runner. `what` is for messages: "pairs to rerank".
  BatchRunner(ThreadPool& pool, std::string what, BatchRunnerOptions options)
      : pool_(pool), what_(std::move(what)), options_(options) {}
  // Fails what waits with unavailable, waits for what runs.
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  void submit(Work work);

 private:
  struct Job;

  Status admit(std::size_t tokens);
  std::vector<std::vector<std::size_t>> cut(const std::vector<std::size_t>& tokens) const;
  void run_one(const std::shared_ptr<Job>& job);
  Status run_batch(Job& job, std::span<const std::size_t> batch) const;
  Status check_wanted(const Work& work) const;
  void leave(const std::shared_ptr<Job>& job);

  ThreadPool& pool_;
  const std::string what_;
  const BatchRunnerOptions options_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t queued_tokens_ = 0;  // guarded by mutex_
  std::size_t jobs_ = 0;           // guarded by mutex_
};

}  // namespace orthant
