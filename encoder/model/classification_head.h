#pragma once
// ClassificationHead: what turns the hidden states of a pair of texts into the one number of a cross-encoder: pooling, a hidden
// layer, a row of weights. Knows the families' tensors. Owns its weights. Immutable after load, any thread.

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "encoder/model/hidden_head.h"
#include "encoder/model/transformer.h"

namespace orthant {

class ClassificationHead {
 public:
  // `folder` holds config.json. invalid_argument for a class without known head, and for more than one label.
  static Result<ClassificationHead> load(const std::filesystem::path& folder, const Transformer& transformer);

  // `hidden` holds the states of the sequences one after the other, `lengths` their tokens (each at least 1). Gives one logit a
  // sequence.
  std::vector<float> logits(std::span<const float> hidden, std::span<const std::size_t> lengths, LinearScratch& scratch) const;

  std::size_t parameter_count() const { return hidden_.parameter_count() + weights_.size() + 1; }
  std::size_t memory_bytes() const { return hidden_.memory_bytes() + weights_.size() * sizeof(float); }

 private:
  explicit ClassificationHead(HiddenHead hidden) : hidden_(std::move(hidden)) {}

  bool mean_pooling_ = false;  // else the first token
  HiddenHead hidden_;
  std::vector<float> weights_;
  float bias_ = 0;
};

}  // namespace orthant
