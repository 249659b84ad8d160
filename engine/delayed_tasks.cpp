#include "engine/delayed_tasks.h"

#include <utility>

#include <pthread.h>

namespace orthant {

DelayedTasks::DelayedTasks() : thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "delayed");
}

DelayedTasks::~DelayedTasks() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void DelayedTasks::run_at(Clock::time_point when, Task task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.emplace(when, std::move(task));
  }
  changed_.notify_one();
}

void DelayedTasks::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (tasks_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point due = tasks_.begin()->first;
    if (Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    Task task = std::move(tasks_.extract(tasks_.begin()).mapped());
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace orthant
