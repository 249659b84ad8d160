#pragma once
// TrialModel: a model whose linear layers are exchanged one by one while texts go through it: what calibration, sensitivity
// analysis and planning work on. Owns the float32 model and what stands in its layers now. Layers are exchanged by one thread while
// nobody else uses the model; the rest may be called from any thread.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/encoder.h"
#include "encoder/model/embedding_head.h"
#include "encoder/model/transformer.h"

namespace orthant {

class TrialModel {
 public:
  // failed_precondition where the folder is quantized already, or holds no transformer of linear layers.
  static Result<std::unique_ptr<TrialModel>> load(const std::filesystem::path& folder, const std::string& name,
                                                  std::size_t max_seq_length = 0);

  const EncoderInfo& info() const { return encoder_->info(); }
  const Transformer& transformer() const { return transformer_; }
  std::size_t layer_count() const { return originals_.size(); }
  const LinearInfo& layer(std::size_t i) const { return transformer_.linears()[i]; }
  // The layer's own weights, float32.
  const LinearWeights& original(std::size_t i) const { return originals_[i]; }

  void replace_layer(std::size_t i, const LinearWeights& weights) { transformer_.replace_linear(i, weights); }
  void restore_layer(std::size_t i) { transformer_.replace_linear(i, originals_[i]); }

  std::vector<TokenizedText> tokenize(std::span<const std::string> texts, Purpose purpose) const;
  // One row a text. `pool` may be null.
  Result<EmbeddingMatrix> embed(std::span<const TokenizedText> texts, ThreadPool* pool) const;
  // As embed(), for models that differ in one block only: texts go through the blocks before it once. start() is the way to block
  // 0, advance() to the next one (through the layers as they are then), embed_from() runs the blocks that are left.
  struct Halfway {
    std::size_t block = 0;
    std::vector<BlockState> passes;
  };
  Result<Halfway> start(std::span<const TokenizedText> texts, ThreadPool* pool) const;
  void advance(Halfway& halfway, std::span<const TokenizedText> texts, ThreadPool* pool) const;
  EmbeddingMatrix embed_from(const Halfway& halfway, std::span<const TokenizedText> texts, ThreadPool* pool) const;
  // Runs the texts on this thread and shows each layer's inputs to `observer`.
  Status observe(std::span<const TokenizedText> texts, LinearObserver& observer) const;
  // Smallest CPU time of the thread for one text of that many tokens (or of the longest that the model takes), without
  // tokenization.
  Result<double> seconds_per_text(std::size_t tokens) const;

 private:
  TrialModel(std::unique_ptr<Encoder> encoder, Transformer transformer, EmbeddingHead head)
      : encoder_(std::move(encoder)), transformer_(std::move(transformer)), head_(std::move(head)) {}
  Status embed_pass(std::span<const TokenizedText> texts, std::span<float> rows, LinearObserver* observer) const;
  void apply_head(std::span<const TokenizedText> texts, std::span<const float> hidden, std::span<float> rows) const;

  std::unique_ptr<Encoder> encoder_;  // for tokens and what is known of the model
  Transformer transformer_;
  EmbeddingHead head_;
  std::vector<LinearWeights> originals_;
};

// CPU time of the calling thread.
double thread_cpu_seconds();

}  // namespace orthant
