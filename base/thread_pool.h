#pragma once
// ThreadPool: a fixed number of threads and a bounded queue. A full queue refuses at once; nothing blocks the submitter.
// Strand: runs its tasks one after another, in order, on a pool's threads (one strand a collection gives one writer a collection).
// All methods may be called from any thread; the destructor runs what was accepted, then joins.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace orthant {

using Task = std::move_only_function<void()>;

// Low: work that nobody waits for. The threads are nice (by 10), so that others on the same cores go first nine times of ten.
enum class ThreadPriority { kNormal, kLow };

class ThreadPool {
 public:
  // `name` is the threads' name in /proc (15 bytes shown).
  ThreadPool(std::string name, std::size_t thread_count, std::size_t queue_capacity,
             ThreadPriority priority = ThreadPriority::kNormal);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // resource_exhausted when the queue is full, unavailable after stop(). A task must not throw.
  Status submit(Task task);
  // As submit, but past the capacity: for the continuation of work that was already admitted, which must not be lost.
  // Only stop() refuses it.
  Status submit_continuation(Task task);

  // Accepts nothing more, runs what was accepted, joins. Idempotent. Not from a thread of this pool.
  void stop();

  std::size_t thread_count() const { return threads_.size(); }
  std::size_t queued() const;
  const std::string& name() const { return name_; }

 private:
  Status enqueue(Task task, bool bounded);
  void run();

  const std::string name_;
  const std::size_t queue_capacity_;
  mutable std::mutex mutex_;
  std::condition_variable available_;
  std::deque<Task> queue_;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::vector<std::thread> threads_;
};

class Strand {
 public:
  // The pool must outlive the strand's last task.
  Strand(ThreadPool& pool, std::size_t queue_capacity);

  // resource_exhausted when this strand's queue is full.
  Status submit(Task task);
  // As ThreadPool::submit_continuation: past the capacity.
  Status submit_continuation(Task task);
  std::size_t queued() const;

 private:
  struct State;
  Status enqueue(Task task, bool bounded);
  static void run_next(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

// Calls body(begin, end) over [0, count) in pieces of at least `grain`, on the pool and on the calling thread, and returns when
// all pieces are done. Safe from a thread of the same pool: the caller works too, and waits only for pieces already running.
void parallel_for(ThreadPool* pool, std::size_t count, std::size_t grain,
                  const std::function<void(std::size_t begin, std::size_t end)>& body);

}  // namespace orthant
