#pragma once
// HiddenHead: what stands between the hidden states and the last projection of a head: a linear layer of hidden size, its
// activation, and in some families a layer norm. Owns its weights. Immutable after load, any thread.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "encoder/kernels/linear.h"
#include "encoder/model/safetensors.h"

namespace orthant {

struct HiddenHeadSpec {
  std::string dense;  // names of tensors, without ".weight" and ".bias"
  Activation activation = Activation::kNone;
  std::string norm;  // empty: none
  float norm_epsilon = 0;
};

class HiddenHead {
 public:
  // Biases may be absent from the file. data_corruption names what does not fit.
  static Result<HiddenHead> load(const SafeTensors& file, const HiddenHeadSpec& spec, std::size_t size, CpuLevel level);

  // input and output are rows x size and must not overlap.
  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const;

  std::size_t parameter_count() const;
  std::size_t memory_bytes() const { return linear_->memory_bytes(); }

 private:
  std::unique_ptr<WeightArena> arena_;
  std::unique_ptr<const Linear> linear_;
  std::vector<float> gamma_;  // empty: no norm
  std::vector<float> beta_;
  float epsilon_ = 0;
};

}  // namespace orthant
