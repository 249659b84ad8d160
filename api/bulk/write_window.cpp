#include "api/bulk/write_window.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <unordered_map>

namespace orthant::bulk {
namespace {

using SharedBatch = std::shared_ptr<const DocumentBatch>;

constexpr std::chrono::milliseconds kRetryPause{50};

}  // namespace

struct WriteWindow::State {
  Write write;
  IngestSummary summary;
  std::optional<Error> failure;
  std::size_t in_flight = 0;
  std::unordered_map<PointId, std::size_t> ids;  // of the batches in flight and of those that wait for another try
  std::deque<SharedBatch> refused;               // the engine was full
  Completion<bool> waiter;                       // of the coroutine that waits for a batch to end

  bool shares_an_id(const DocumentBatch& batch) const {
    return std::ranges::any_of(batch.points, [&](const PointInput& point) { return ids.contains(point.id); });
  }
  void release_ids(const DocumentBatch& batch) {
    for (const PointInput& point : batch.points) {
      const auto found = ids.find(point.id);
      if (found != ids.end() && --found->second == 0) ids.erase(found);
    }
  }

  void finish(const SharedBatch& batch, const Result<WriteResult>& result) {
    --in_flight;
    if (!result && result.error().code == ErrorCode::kResourceExhausted) {
      refused.push_back(batch);
    } else {
      release_ids(*batch);
      if (result) summary.add_result(batch->lines, *result);
      if (!result && !failure) failure = result.error();
    }
    if (waiter) std::exchange(waiter, {})(true);
  }

  static void start(const std::shared_ptr<State>& state, SharedBatch batch, const IoThread& io_thread) {
    ++state->in_flight;
    UpsertRequest request;
    request.points = batch->points;
    request.skip_invalid = true;
    request.bulk_part = batch->part;
    state->write(std::move(request), [state, batch, io_thread](Result<WriteResult> result) {
      io_thread.post([state, batch, result = std::move(result)] { state->finish(batch, result); });
    });
  }
};

WriteWindow::WriteWindow(Write write, std::size_t max_batches) : state_(std::make_shared<State>()), max_batches_(max_batches) {
  state_->write = std::move(write);
}

std::size_t WriteWindow::batches_in_flight() const {
  return state_->in_flight + state_->refused.size();
}
const std::optional<Error>& WriteWindow::failure() const {
  return state_->failure;
}
IngestSummary& WriteWindow::summary() {
  return state_->summary;
}

Awaitable<void> WriteWindow::put(DocumentBatch batch) {
  for (LineError& error : batch.errors) state_->summary.add_error(std::move(error));
  batch.errors.clear();
  co_await wait_below(max_batches_);
  if (state_->shares_an_id(batch)) co_await wait_below(1);
  if ((batch.points.empty() && !batch.part) || state_->failure) co_return;
  for (const PointInput& point : batch.points) ++state_->ids[point.id];
  const IoThread io_thread = co_await this_io_thread();
  State::start(state_, std::make_shared<const DocumentBatch>(std::move(batch)), io_thread);
}

Awaitable<void> WriteWindow::wait_until_empty() {
  return wait_below(1);
}

Awaitable<void> WriteWindow::wait_below(std::size_t batches) {
  const IoThread io_thread = co_await this_io_thread();
  while (batches_in_flight() >= batches) {
    if (state_->failure) state_->refused.clear();
    if (state_->in_flight > 0) {
      const auto wait = [state = state_.get()](Completion<bool> done) { state->waiter = std::move(done); };
      co_await await_done<bool>(wait);
    } else if (!state_->refused.empty()) {
      co_await pause_for(kRetryPause);
      SharedBatch batch = std::move(state_->refused.front());
      state_->refused.pop_front();
      State::start(state_, std::move(batch), io_thread);
    }
  }
}

}  // namespace orthant::bulk
