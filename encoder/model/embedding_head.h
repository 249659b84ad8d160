#pragma once
// EmbeddingHead: what turns the hidden states of one text into its embedding: pooling, then the Dense and Normalize modules in
// the order of modules.json. Owns the weights of its Dense modules. Immutable after load, any thread.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "encoder/kernels/linear.h"
#include "encoder/model/model_files.h"

namespace orthant {

class EmbeddingHead {
 public:
  static Result<EmbeddingHead> load(const ModelFiles& files, CpuLevel level);

  // `hidden` is tokens x hidden_size with tokens >= 1; `embedding` gets size() floats.
  void apply(std::span<const float> hidden, std::span<float> embedding) const;

  std::size_t size() const { return size_; }
  // Whether the last module normalizes, so that embeddings have length one.
  bool normalizes() const;
  std::size_t parameter_count() const;

 private:
  struct Dense {
    std::unique_ptr<WeightArena> memory;  // of linear
    std::unique_ptr<const Linear> linear;
    std::size_t parameters = 0;
  };
  static Result<Dense> load_dense(const DenseStage& stage, CpuLevel level);

  std::size_t hidden_size_ = 0;
  std::size_t size_ = 0;
  std::vector<PoolingMode> pooling_;
  std::vector<std::optional<Dense>> stages_;  // nothing: normalize
};

// values / max(|values|, 1e-12), as torch's normalize.
void normalize_embedding(std::span<float> values);

}  // namespace orthant
