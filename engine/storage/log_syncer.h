#pragma once
// LogSyncer: group commit. Writers that must answer only when their write is on disk leave a callback; one thread syncs the log
// once for all that wait, then calls them. Writes that nobody waits for are synced within a second. All methods from any thread.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/storage/store.h"

namespace orthant {

class LogSyncer {
 public:
  using Callback = std::move_only_function<void(Status)>;

  // `store` must outlive the syncer.
  explicit LogSyncer(Store& store);
  // Syncs what is left, calls all callbacks.
  ~LogSyncer();
  LogSyncer(const LogSyncer&) = delete;
  LogSyncer& operator=(const LogSyncer&) = delete;

  // `done` is called on the syncer's thread once everything written before this call is on disk; it must be quick.
  void when_synced(Callback done);
  // Something was written that nobody waits for.
  void note_write();

 private:
  void run();

  Store& store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Callback> waiting_;  // guarded by mutex_
  bool unsynced_ = false;          // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread thread_;
};

}  // namespace orthant
