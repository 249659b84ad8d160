#pragma once
// PackedLinear: the weights of a linear layer, laid out once for the gemm of one level: panels of `panel_columns` outputs, each
// panel input_size x panel_columns row-major, one after the other (the last one narrower). A panel is read front to back, so
// that the few rows of a short query run at the speed of memory. A view of memory that its maker owns: all layers of a model share
// one array, so that they lie on huge pages (4 kB pages cost a sixth of the speed). Read-only once filled, any thread.
// Measured against oneDNN 2.6's brgemm and sgemm on Zen 4: equal from 64 rows on, 1.2 to 2 times as fast below.

#include <cstddef>
#include <span>

#include "encoder/kernels/float_kernels.h"

namespace orthant {

class PackedLinear {
 public:
  PackedLinear() = default;
  // Takes output_size * input_size floats of `memory`, which must outlive it; set_rows() fills them.
  PackedLinear(const FloatKernels& kernels, std::size_t output_size, std::size_t input_size, std::span<float> memory);

  // Packs `rows` outputs from first_output on; `weight` is rows x input_size, row-major, as torch.nn.Linear stores it.
  void set_rows(std::size_t first_output, std::size_t rows, const float* weight);

  // output = input weight^T: input is rows x input_size, output rows x output_size, both dense.
  void multiply(std::size_t rows, const float* input, float* output) const;

  std::size_t output_size() const { return output_size_; }
  std::size_t input_size() const { return input_size_; }

 private:
  const FloatKernels* kernels_ = nullptr;
  std::size_t output_size_ = 0;
  std::size_t input_size_ = 0;
  float* packed_ = nullptr;
};

}  // namespace orthant
