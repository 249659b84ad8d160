#pragma once
// ParallelEncoder: an encoder on all cores, for commands that have many texts and nobody else to serve. Owns its threads and the
// encoder. Groups are formed from the input alone, so that a result never depends on the number of cores. One caller at a time.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/encoder.h"

namespace orthant {

class ParallelEncoder {
 public:
  // A model's name or folder, as everywhere (encoder_registry.h), and the name of a WeightPrecision.
  static Result<ParallelEncoder> load(std::string_view model, std::string_view weights);

  // One row a text. `encoded` is told how many texts are done, from any thread, one call at a time; it may be empty.
  using Encoded = std::function<void(std::size_t done)>;
  Result<EncodeResult> encode(std::span<const std::string> texts, const EncodeOptions& options, const Encoded& encoded = {});

  const Encoder& encoder() const { return *encoder_; }
  ThreadPool& pool() { return *pool_; }

 private:
  explicit ParallelEncoder(std::unique_ptr<Encoder> encoder);

  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace orthant
