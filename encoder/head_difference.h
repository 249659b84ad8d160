#pragma once
// HeadDifference: what turns embeddings of one model into those of another that is the same model with further Dense and Normalize
// modules behind it, such as a head that was trained on frozen embeddings (docs/training.md). So texts need not be encoded again:
// the result is that of encoding to rounding. Immutable, any thread.

#include <cstddef>
#include <memory>
#include <span>

#include "encoder/encoder.h"

namespace orthant {

class HeadDifference {
 public:
  // Reads the folders of both (tokenizers, configurations, weights are compared): for tens of megabytes tens of milliseconds. Null:
  // they differ in more, or in nothing.
  static std::unique_ptr<const HeadDifference> between(const EncoderInfo& before, const EncoderInfo& after);
  virtual ~HeadDifference() = default;

  virtual std::size_t input_size() const = 0;
  virtual std::size_t output_size() const = 0;
  // `before`: an embedding as the first model gives it; `after` gets output_size() floats.
  virtual void apply(std::span<const float> before, std::span<float> after) const = 0;
};

}  // namespace orthant
