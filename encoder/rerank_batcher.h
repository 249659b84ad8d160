#pragma once
// RerankBatcher: the bounded queue of a reranker. A request's pairs are cut into batches by tokens and scored on the encode pool;
// a full queue answers resource_exhausted at once. All methods may be called from any thread.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/batch_runner.h"
#include "encoder/reranker.h"

namespace orthant {

struct RerankRequest {
  std::string query;
  std::vector<std::string> documents;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<const std::atomic<bool>> cancelled = nullptr;
};

class RerankBatcher {
 public:
  using Done = std::move_only_function<void(Result<RerankResult>)>;

  // `reranker` and `pool` must outlive the batcher. Destroying it fails what waits with unavailable.
  RerankBatcher(const Reranker& reranker, ThreadPool& pool, BatchRunnerOptions options);

  // `done` is called exactly once, on a thread of the pool (or here, if the request is refused or empty).
  void submit(RerankRequest request, Done done);

 private:
  const Reranker& reranker_;
  BatchRunner runner_;
};

}  // namespace orthant
