#pragma once
// EncodeBatcher: one queue of texts for an encoder over all requests and connections. Batches are formed by token budget, short
// texts with short ones, and run on the encode pool. Bounded: a full queue answers resource_exhausted at once. All methods may be
// called from any thread. Source of the scheme: Text Embeddings Inference (permit at the door, batch by tokens).

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/encoder.h"

namespace orthant {

// Tokens that wait are estimated from the texts' bytes: they are tokenized by the thread that encodes them.
struct EncodeBatcherOptions {
  // A batch holds about this many tokens (or one text). More gains nothing, and interactive texts wait for the batch that runs.
  std::size_t max_batch_tokens = 512;
  std::size_t max_queued_tokens = 1 << 20;  // past this, submit() answers resource_exhausted
  // Runs bulk work, so that an interactive text finds a free thread; null: the same pool as interactive work. Must outlive the
  // batcher.
  ThreadPool* bulk_pool = nullptr;
};

struct EncodeRequest {
  std::vector<std::string> texts;
  EncodeOptions options;
  // Bulk work yields to interactive work: it runs on the bulk pool, or where there is none when no interactive text waits.
  bool bulk = false;
  // Work that starts after the deadline is dropped with deadline_exceeded.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Set to true by the owner when the client has left: the work is dropped with cancelled. May be null.
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

class EncodeBatcher {
 public:
  using Done = std::move_only_function<void(Result<EncodeResult>)>;

  // `encoder` and `pool` must outlive the batcher; one batcher an encoder.
  EncodeBatcher(const Encoder& encoder, ThreadPool& pool, EncodeBatcherOptions options);
  // Fails what waits with unavailable, waits for what runs.
  ~EncodeBatcher();
  EncodeBatcher(const EncodeBatcher&) = delete;
  EncodeBatcher& operator=(const EncodeBatcher&) = delete;

  // `done` is called exactly once, on a thread of the text's pool (or here, before returning, if the request is refused or empty).
  void submit(EncodeRequest request, Done done);

  const Encoder& encoder() const;
  std::size_t queued_tokens() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
