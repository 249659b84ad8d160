#include "encoder/batch_runner.h"

#include <algorithm>
#include <exception>
#include <new>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace orthant {
// One request from submit() to its answer.
struct BatchRunner::Job {
  Work work;
  std::vector<std::vector<std::size_t>> batches;
  std::size_t tokens = 0;
  std::mutex mutex;
  std::size_t next = 0;     // batch; guarded by mutex
  std::size_t runners = 0;  // tasks in the pool; guarded by mutex
  Status failure;           // the first one; guarded by mutex
};

BatchRunner::~BatchRunner() {
  stopping_ = true;
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return jobs_ == 0; });
}

void BatchRunner::submit(Work work) {
  if (work.tokens.empty()) return work.done({});
  const std::size_t tokens = std::accumulate(work.tokens.begin(), work.tokens.end(), std::size_t{0});
  if (Status admitted = admit(tokens); !admitted) return work.done(std::move(admitted));
  auto job = std::make_shared<Job>();
  job->batches = cut(work.tokens);
  job->tokens = tokens;
  job->work = std::move(work);
  const std::size_t wanted = std::min(job->batches.size(), pool_.thread_count());
  job->runners = wanted;
  for (std::size_t i = 0; i < wanted; ++i) {
    if (pool_.submit_continuation([this, job] { run_one(job); })) continue;
    {
      const std::lock_guard lock(job->mutex);
      job->failure = fail(ErrorCode::kUnavailable, "the encode pool has stopped");
    }
    leave(job);
  }
}

Status BatchRunner::admit(std::size_t tokens) {
  if (stopping_) return fail(ErrorCode::kUnavailable, "shutting down");
  const std::lock_guard lock(mutex_);
  if (queued_tokens_ + tokens > options_.max_queued_tokens) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the queue of {} is full: {} tokens wait, the request has about {}, {} fit", what_, queued_tokens_,
                            tokens, options_.max_queued_tokens));
  }
  queued_tokens_ += tokens;
  ++jobs_;
  return {};
}

// Longest first, so that what is left at the end is short.
std::vector<std::vector<std::size_t>> BatchRunner::cut(const std::vector<std::size_t>& tokens) const {
  std::vector<std::size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return tokens[a] != tokens[b] ? tokens[a] > tokens[b] : a < b; });
  std::vector<std::vector<std::size_t>> batches;
  std::size_t filled = 0;
  for (const std::size_t position : order) {
    if (batches.empty() || filled + tokens[position] > options_.max_batch_tokens) {
      batches.emplace_back();
      filled = 0;
    }
    batches.back().push_back(position);
    filled += tokens[position];
  }
  return batches;
}

void BatchRunner::run_one(const std::shared_ptr<Job>& job) {
  std::size_t batch = 0;
  {
    const std::lock_guard lock(job->mutex);
    batch = job->failure ? job->next++ : job->batches.size();
  }
  if (batch >= job->batches.size()) return leave(job);
  if (Status done = run_batch(*job, job->batches[batch]); !done) {
    const std::lock_guard lock(job->mutex);
    if (job->failure) job->failure = std::move(done);
  }
  if (!pool_.submit_continuation([this, job] { run_one(job); })) {
    {
      const std::lock_guard lock(job->mutex);
      if (job->failure) job->failure = fail(ErrorCode::kUnavailable, "the encode pool has stopped");
    }
    leave(job);
  }
}

Status BatchRunner::check_wanted(const Work& work) const {
  if (stopping_) return fail(ErrorCode::kUnavailable, "shutting down");
  if (work.cancelled != nullptr && work.cancelled->load(std::memory_order_relaxed)) {
    return fail(ErrorCode::kCancelled, "the client has left before its texts were read");
  }
  if (work.deadline != std::chrono::steady_clock::time_point::max() && std::chrono::steady_clock::now() > work.deadline) {
    return fail(ErrorCode::kDeadlineExceeded, "the deadline passed before the texts were read");
  }
  return {};
}

Status BatchRunner::run_batch(Job& job, std::span<const std::size_t> batch) const {
  ORTHANT_TRY(check_wanted(job.work));
  try {
    return job.work.run(batch);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("not enough memory for the {}", what_));
  } catch (const std::exception& exception) {
    return internal_error(fmt::format("{}: {}", what_, exception.what()));
  }
}

// One runner less; the last one answers.
void BatchRunner::leave(const std::shared_ptr<Job>& job) {
  Status failure;
  {
    const std::lock_guard lock(job->mutex);
    if (--job->runners != 0) return;
    failure = std::move(job->failure);
  }
  {
    const std::lock_guard lock(mutex_);
    queued_tokens_ -= job->tokens;
  }
  job->work.done(std::move(failure));
  job->work = Work();
  const std::lock_guard lock(mutex_);
  // Notified under the lock: the destructor may run as soon as it is free.
  if (--jobs_ == 0) idle_.notify_all();
}

}  // namespace orthant
