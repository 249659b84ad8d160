#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace orthant {

namespace {

constexpr int kLowPriorityNice = 10;

// Of the calling thread alone: Linux keeps it per thread. Where it is refused, the work goes on as before.
void lower_priority() {
  [[maybe_unused]] const int refused = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowPriorityNice);
}

}  // namespace

ThreadPool::ThreadPool(std::string name, std::size_t thread_count, std::size_t queue_capacity, ThreadPriority priority)
    : name_(std::move(name)), queue_capacity_(queue_capacity) {
  threads_.reserve(thread_count);
  for (std::size_t i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this, priority] {
      if (priority == ThreadPriority::kLow) lower_priority();
      run();
    });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

ThreadPool::~ThreadPool() {
  stop();
}

Status ThreadPool::submit(Task task) {
  return enqueue(std::move(task), true);
}

Status ThreadPool::submit_continuation(Task task) {
  return enqueue(std::move(task), false);
}

Status ThreadPool::enqueue(Task task, bool bounded) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return fail(ErrorCode::kUnavailable, name_ + " pool: shutting down");
    if (bounded && queue_.size() >= queue_capacity_) {
      return fail(ErrorCode::kResourceExhausted,
                  name_ + " queue is full (" + std::to_string(queue_capacity_) + " waiting); try again later");
    }
    queue_.push_back(std::move(task));
  }
  available_.notify_one();
  return {};
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t ThreadPool::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void ThreadPool::run() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      available_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

struct Strand::State {
  State(ThreadPool& on, std::size_t limit) : pool(on), capacity(limit) {}
  ThreadPool& pool;
  const std::size_t capacity;
  std::mutex mutex;
  std::deque<Task> queue;  // guarded by mutex
  bool running = false;    // guarded by mutex: a task of this strand is on the pool
};

Strand::Strand(ThreadPool& pool, std::size_t queue_capacity) : state_(std::make_shared<State>(pool, queue_capacity)) {}

Status Strand::submit(Task task) {
  return enqueue(std::move(task), true);
}

Status Strand::submit_continuation(Task task) {
  return enqueue(std::move(task), false);
}

Status Strand::enqueue(Task task, bool bounded) {
  std::lock_guard lock(state_->mutex);
  if (bounded && state_->queue.size() >= state_->capacity) {
    return fail(ErrorCode::kResourceExhausted,
                "write queue is full (" + std::to_string(state_->capacity) + " waiting); try again later");
  }
  if (!state_->running) {
    // Under the lock, so that a refused start leaves nothing queued.
    Status started = state_->pool.submit_continuation([state = state_] { run_next(state); });
    if (!started) return started;
    state_->running = true;
  }
  state_->queue.push_back(std::move(task));
  return {};
}

std::size_t Strand::queued() const {
  std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

void Strand::run_next(const std::shared_ptr<State>& state) {
  Task task;
  {
    std::lock_guard lock(state->mutex);
    task = std::move(state->queue.front());
    state->queue.pop_front();
  }
  task();
  {
    std::lock_guard lock(state->mutex);
    if (state->queue.empty()) {
      state->running = false;
      return;
    }
  }
  // One task a turn, so that strands share the pool fairly; a stopping pool drains on this thread.
  if (!state->pool.submit_continuation([state] { run_next(state); })) run_next(state);
}

void parallel_for(ThreadPool* pool, std::size_t count, std::size_t grain,
                  const std::function<void(std::size_t, std::size_t)>& body) {
  if (count == 0) return;
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t workers = pool == nullptr ? 0 : pool->thread_count();
  if (workers == 0 || count <= grain) {
    body(0, count);
    return;
  }
  struct Shared {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::condition_variable idle;
    std::size_t running = 0;  // helpers inside `body`, guarded by mutex
    bool closed = false;      // the caller has left; late helpers must not touch `body`. Guarded by mutex.
  };
  auto shared = std::make_shared<Shared>();
  const std::size_t piece = std::max(grain, (count + workers * 4) / (workers * 4 + 1));
  auto work = [count, piece, &body](Shared& state) {
    for (std::size_t begin; (begin = state.next.fetch_add(piece)) < count;) body(begin, std::min(begin + piece, count));
  };
  const std::size_t helpers = std::min(workers, (count - 1) / piece);
  for (std::size_t i = 0; i < helpers; ++i) {
    Status submitted = pool->submit([shared, work] {
      {
        std::lock_guard lock(shared->mutex);
        if (shared->closed) return;
        ++shared->running;
      }
      work(*shared);
      std::lock_guard lock(shared->mutex);
      if (--shared->running == 0) shared->idle.notify_all();
    });
    if (!submitted) break;  // a full pool: the caller does the work alone
  }
  work(*shared);
  std::unique_lock lock(shared->mutex);
  shared->closed = true;
  shared->idle.wait(lock, [&] { return shared->running == 0; });
}

}  // namespace orthant
