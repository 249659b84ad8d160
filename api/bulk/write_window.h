#pragma once
// WriteWindow: the batches of one bulk upload that are on their way through the engine. Bounded: the upload's coroutine waits for
// room, so that a full engine stops the reading of the socket. Batches that share an id are never in flight together: of equal ids
// the later line wins. All methods on the upload's io thread; the engine's answers are brought back to it.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/bulk/ingest_summary.h"
#include "api/bulk/point_reader.h"
#include "api/http/awaitable.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::bulk {

class WriteWindow {
 public:
  // Writes points and calls back once, from any thread.
  using Write = std::function<void(UpsertRequest, std::move_only_function<void(Result<WriteResult>)>)>;

  WriteWindow(Write write, std::size_t max_batches);

  // Waits for room, then starts the batch. What the engine refuses because it is full is tried again after a pause.
  Awaitable<void> put(DocumentBatch batch);
  Awaitable<void> wait_until_empty();
  std::size_t batches_in_flight() const;

  // The first error that ended a whole batch; later batches are dropped.
  const std::optional<Error>& failure() const;
  IngestSummary& summary();

 private:
  struct State;
  Awaitable<void> wait_below(std::size_t batches);
  std::shared_ptr<State> state_;
  const std::size_t max_batches_;
};

}  // namespace orthant::bulk
