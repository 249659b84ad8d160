#pragma once
// IntegerLinear: what the forms of Linear for Int8Weights and Int4Weights share: rows of inputs become codes a block at a time, and
// each block is multiplied by all panels. Private to this folder.

#include "encoder/kernels/int4_kernels.h"
#include "encoder/kernels/int8_kernels.h"
#include "encoder/kernels/linear.h"

namespace orthant {

class IntegerLinear : public Linear {
 public:
  struct Options {
    std::size_t panel_columns;
    std::size_t packed_bytes;
    std::size_t group_size;  // of int4, 0: none
    int limit;               // of activation codes
    int offset;
  };

  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const final;

 protected:
  struct Block {
    std::size_t rows;
    const std::uint8_t* codes;  // rows x depth()
    const float* steps;         // rows
    const float* group_sums;    // rows x groups, null without groups
    float* output;              // rows x outputs()
  };
  IntegerLinear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level,
                const Options& options);

  // The panel of outputs [start, start + width): block.output + start = product * scales + product_bias(start).
  virtual void multiply_panel(const Block& block, std::size_t start, std::size_t width) const = 0;

  std::size_t depth() const { return depth_; }
  std::size_t panel_columns() const { return options_.panel_columns; }
  const float* product_bias(std::size_t start) const { return product_bias_.data() + start; }

 private:
  void multiply_block(const Block& block) const;
  void sum_groups(std::size_t rows, const std::int8_t* codes, float* sums) const;

  const Int8Kernels& kernels_;
  const FloatKernels& float_kernels_;
  const Options options_;
  const Activation activation_;
  const std::size_t depth_;  // inputs, padded
  const std::size_t rotation_block_;
  const float activation_step_;
  std::vector<float> factors_;       // one an input
  std::vector<float> product_bias_;  // columns padded to whole panels; zeros where an activation follows, which adds the bias
  std::vector<float> bias_;
};

// The two forms. Weights as Linear::make takes them; int4 groups are multiples of kInt4GroupStep.
std::unique_ptr<const Linear> make_int8_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena);
std::unique_ptr<const Linear> make_int4_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena);

}  // namespace orthant
