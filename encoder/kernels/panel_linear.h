#pragma once
// PanelLinear: what the forms of Linear that multiply in float32 share. Panels of the kernel's width stand one after the other (the
// last one narrower), each inputs x width row-major, so that a panel is read front to back and the few rows of a short query run at
// the speed of memory. Private to this folder.

#include "encoder/kernels/float_kernels.h"
#include "encoder/kernels/linear.h"

namespace orthant {

class PanelLinear : public Linear {
 public:
  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const final;

 protected:
  PanelLinear(const LinearWeights& weights, std::size_t packed_bytes, std::span<const float> bias, Activation activation,
              CpuLevel level);

  // The floats of the panel of outputs [start, start + width): inputs x width. Either where they are kept, or made in `widened`,
  // which has room for them.
  virtual const float* panel(std::size_t start, std::size_t width, float* widened) const = 0;
  // Whether panel() makes its floats.
  virtual bool widens() const = 0;

  std::size_t panel_columns() const { return kernels_.panel_columns; }
  // Calls visit(output, input) in the order of the packed panels.
  template <typename Visit>
  void for_each_weight(Visit visit) const {
    for (std::size_t start = 0; start < outputs(); start += panel_columns()) {
      const std::size_t end = start + panel_columns() < outputs() ? start + panel_columns() : outputs();
      for (std::size_t input = 0; input < inputs(); ++input) {
        for (std::size_t output = start; output < end; ++output) visit(output, input);
      }
    }
  }

 private:
  // Rows of the input against the panel of the outputs from `start` on.
  struct Block {
    std::size_t rows;
    const float* input;
    float* output;
    std::size_t start;
  };
  void multiply(const Block& block, float* widened) const;

  const FloatKernels& kernels_;
  const Activation activation_;
  std::vector<float> bias_;
};

// The three forms. Weights as Linear::make takes them; NF4 blocks must not straddle outputs.
std::unique_ptr<const Linear> make_float_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                                CpuLevel level, WeightArena& arena);
std::unique_ptr<const Linear> make_half_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena);
std::unique_ptr<const Linear> make_nf4_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                              CpuLevel level, WeightArena& arena);

}  // namespace orthant
