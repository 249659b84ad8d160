#pragma once
// DelayedTasks: runs small tasks at given times, for answers that a caller does not want to wait for longer. One thread, which
// sleeps until the next task is due. All methods from any thread.

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/thread_pool.h"

namespace orthant {

class DelayedTasks {
 public:
  using Clock = std::chrono::steady_clock;

  DelayedTasks();
  // Tasks that are not due yet are dropped.
  ~DelayedTasks();
  DelayedTasks(const DelayedTasks&) = delete;
  DelayedTasks& operator=(const DelayedTasks&) = delete;

  // `task` must be quick.
  void run_at(Clock::time_point when, Task task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, Task> tasks_;  // guarded by mutex_
  bool stopping_ = false;                         // guarded by mutex_
  std::thread thread_;
};

}  // namespace orthant
