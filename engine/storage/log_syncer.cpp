#include "engine/storage/log_syncer.h"

#include <chrono>
#include <utility>

#include <pthread.h>

#include "base/log.h"
#include "base/metrics.h"

namespace orthant {
namespace {

// Half of what is promised, so that a slow sync still ends in time.
constexpr std::chrono::milliseconds kBackgroundInterval{500};

// Syncs the log and counts it.
Status timed_sync(Store& store, std::size_t waiting) {
  static Histogram& seconds = histogram("orthant_log_sync_seconds", "Time of a sync of the write-ahead log.", duration_buckets());
  static Histogram& served = histogram("orthant_log_sync_waiters", "Writes that one sync of the log served.", size_buckets());
  const auto start = std::chrono::steady_clock::now();
  Status synced = store.sync();
  seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  served.observe(static_cast<double>(waiting));
  return synced;
}

}  // namespace

LogSyncer::LogSyncer(Store& store) : store_(store), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "log-sync");
}

LogSyncer::~LogSyncer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LogSyncer::when_synced(Callback done) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(done));
  }
  changed_.notify_one();
}

void LogSyncer::note_write() {
  std::lock_guard lock(mutex_);
  unsynced_ = true;  // found when the interval ends: no need to wake the thread
}

void LogSyncer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait_for(lock, kBackgroundInterval, [this] { return stopping_ || !waiting_.empty(); });
    const bool last_round = stopping_;
    if (!waiting_.empty() || unsynced_) {
      std::vector<Callback> served = std::exchange(waiting_, {});
      unsynced_ = false;
      lock.unlock();
      const Status synced = timed_sync(store_, served.size());
      if (!synced && served.empty()) log_error(synced.error().message);
      for (Callback& done : served) done(synced);
      served.clear();
      lock.lock();
    }
    if (last_round && waiting_.empty()) return;
  }
}

}  // namespace orthant
