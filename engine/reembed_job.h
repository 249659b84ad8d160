#pragma once
// ReembedJob: one re-embedding of one vector. See reembed_jobs.h.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "encoder/head_difference.h"
#include "engine/collection/collection.h"
#include "engine/engine_impl.h"

namespace orthant {

class ReembedJob : public std::enable_shared_from_this<ReembedJob> {
 public:
  // The collection may go while the job is there.
  ReembedJob(Engine::Impl& engine, StepsUnderWay steps, const std::shared_ptr<Collection>& collection, std::string vector_name);

  void start();
  // A job that waits tries again now.
  void wake();
  // Nothing of it begins any more.
  void give_up();
  bool is_of(const Collection& collection) const { return collection_.lock().get() == &collection; }
  ReembedProgress progress() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Step = void (ReembedJob::*)(Collection& collection);
  // Runs `step` on the background pool, now or later; not once the process is stopping, the collection has gone, or the job was
  // woken since `wait` was given.
  void next(Step step, std::uint64_t wait, std::chrono::milliseconds pause = {});
  void next(Step step) { next(step, present_wait()); }
  std::uint64_t present_wait() const;
  void count(Collection& collection);
  void read(Collection& collection);
  void encode(UnencodedTexts texts, const TextModel& model);
  // The embeddings that serve, through the modules that the new model has behind the old one.
  void apply_head(Collection& collection, UnencodedTexts texts);
  // Looks once whether that is possible.
  const HeadDifference* head_for(const VectorConfig& config, const TextModel& model);
  void keep(Collection& collection, UnencodedTexts texts, Result<EncodedTexts> encoded);
  void make_switch(Collection& collection);
  // What was read last is read again.
  void go_back();
  void handle(Collection& collection, const Error& error);
  void fail_for_good(Collection& collection, const Error& error);
  void set_phase(ReembedPhase phase);
  // The number of the wait, where that is the phase.
  std::uint64_t end(ReembedPhase phase, std::optional<Error> error);
  void show() const;

  Engine::Impl& engine_;
  StepsUnderWay steps_;
  const std::weak_ptr<Collection> collection_;
  const std::string collection_name_;
  const std::string vector_name_;
  const Clock::time_point begin_ = Clock::now();
  const std::shared_ptr<std::atomic<bool>> given_up_ = std::make_shared<std::atomic<bool>>(false);

  // Of the step that runs: one at a time.
  std::string model_;
  TableNumber table_ = 0;
  Ordinal next_row_ = 0;
  Ordinal last_row_ = 0;      // where the last reading began
  std::uint64_t passed_ = 0;  // encoded texts that it passed over
  std::chrono::milliseconds pause_{0};
  std::optional<std::unique_ptr<const HeadDifference>> head_;  // null: the models differ in more

  mutable std::mutex mutex_;
  ReembedProgress progress_;          // guarded by mutex_
  Clock::time_point encoding_since_;  // guarded by mutex_
  std::uint64_t encoded_before_ = 0;  // guarded by mutex_: when encoding_since_ was set
  std::uint64_t wait_number_ = 0;     // guarded by mutex_: a wake-up ends the wait with this number
};

}  // namespace orthant
