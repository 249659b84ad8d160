#pragma once
// SparseBatcher: the bounded queue of a sparse encoder. A request's texts are cut into batches by tokens and encoded on the encode
// pool; a full queue answers resource_exhausted at once. All methods may be called from any thread.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/batch_runner.h"
#include "encoder/sparse_encoder.h"

namespace orthant {

struct SparseEncodeRequest {
  std::vector<std::string> texts;
  Purpose purpose = Purpose::kDocument;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<const std::atomic<bool>> cancelled = nullptr;
};

class SparseBatcher {
 public:
  using Done = std::move_only_function<void(Result<SparseEncodeResult>)>;

  // `encoder` and `pool` must outlive the batcher. Destroying it fails what waits with unavailable.
  SparseBatcher(const SparseEncoder& encoder, ThreadPool& pool, BatchRunnerOptions options);

  // `done` is called exactly once, on a thread of the pool (or here, if the request is refused or empty).
  void submit(SparseEncodeRequest request, Done done);

 private:
  const SparseEncoder& encoder_;
  BatchRunner runner_;
};

}  // namespace orthant
