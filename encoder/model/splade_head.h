#pragma once
// SpladeHead: the masked-language head of a transformer, pooled to one sparse vector a text: for each word of the vocabulary
// log(1 + relu(logit)), the largest over the tokens or their sum. Knows the families' tensors. Owns its weights (a packed copy of
// the tied word embeddings among them). Immutable after load, any thread.
//
// Source: Formal et al., SPLADE v2 (2021). Both functions rise with the logit, so the largest logit is found first and the
// logarithm is taken once a word, not once a word and token; the bias of a word is added after the maximum too.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "encoder/embedding.h"
#include "encoder/model/hidden_head.h"
#include "encoder/model/transformer.h"

namespace orthant {

struct SpladePooling {
  bool sum = false;        // over the tokens; else the largest
  bool log_twice = false;  // log(1 + log(1 + relu(x))), as some models want it
};

class SpladeHead {
 public:
  // `folder` holds config.json. invalid_argument for a class without known head.
  static Result<SpladeHead> load(const std::filesystem::path& folder, const Transformer& transformer, SpladePooling pooling);

  // `hidden` holds the states of the sequences one after the other, `lengths` their tokens. One vector a sequence, positive values
  // only.
  std::vector<SparseEmbedding> pool(std::span<const float> hidden, std::span<const std::size_t> lengths,
                                    LinearScratch& scratch) const;

  std::size_t vocabulary_size() const { return bias_.size(); }
  std::size_t parameter_count() const { return hidden_.parameter_count() + bias_.size() * (tied_ ? 1 : hidden_size_ + 1); }
  std::size_t memory_bytes() const;

 private:
  // Words that are multiplied together: their logits for a few tokens stay in cache.
  static constexpr std::size_t kBlockWords = 2048;
  static constexpr std::size_t kBlockTokens = 64;

  explicit SpladeHead(HiddenHead hidden) : hidden_(std::move(hidden)) {}
  Status load_projection(const Transformer& transformer, const std::string& name);
  void fold(const float* logits, std::size_t first_word, std::size_t words, float* pooled) const;
  SparseEmbedding finish(std::span<const float> pooled) const;

  SpladePooling pooling_;
  HiddenHead hidden_;
  std::size_t hidden_size_ = 0;
  bool tied_ = false;
  std::unique_ptr<WeightArena> arena_;
  std::vector<std::unique_ptr<const Linear>> blocks_;  // kBlockWords outputs each, the last one fewer
  std::vector<float> bias_;                            // one a word
};

}  // namespace orthant
