#pragma once
// ReembedJobs: the re-embeddings of all collections (collection_reembed.cpp has what happens to a collection). A job reads texts
// that have no embedding by the new model, encodes them behind everything interactive, keeps the embeddings, and makes the switch
// when there are no more. One batch of texts at a time: that is what the end of the process can cost. Private to engine.
//
// Threads: all methods from any thread. Steps of jobs run on the background pool.

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/collection/collection.h"
#include "engine/engine.h"

namespace orthant {

class ReembedJob;

// Lets the end of the process wait for steps under way. Shared by what is under way.
class StepsUnderWay {
 public:
  // Held by a step. Null once stopped.
  std::shared_ptr<void> begin();
  // No step begins any more; waits for those that have begun.
  void stop();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable done;
    std::size_t steps = 0;
    bool stopped = false;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class ReembedJobs {
 public:
  explicit ReembedJobs(Engine::Impl& engine) : engine_(engine) {}

  // Goes on with what the collection's record says is running, if anything. Before anybody else uses the collection.
  void resume(const std::shared_ptr<Collection>& collection);
  void begin(const std::shared_ptr<Collection>& collection, ReembedRequest request, Done<ReembedProgress> done);
  void cancel(const std::shared_ptr<Collection>& collection, const std::string& vector_name, Done<bool> done);
  ReembedProgress progress(const Collection& collection, const std::string& vector_name) const;
  std::map<std::string, ReembedProgress> progress_of(const Collection& collection) const;
  // Before the pools stop. Waits for the batch that is being encoded, not for a switch.
  void stop();

 private:
  using Key = std::pair<std::string, std::string>;  // collection, vector
  std::shared_ptr<ReembedJob> find(const Key& key) const;
  void run(const std::shared_ptr<Collection>& collection, const std::string& vector_name);

  Engine::Impl& engine_;
  StepsUnderWay steps_;
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<ReembedJob>> jobs_;  // guarded by mutex_; the last of each vector
};

}  // namespace orthant
