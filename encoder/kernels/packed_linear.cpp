#include "encoder/kernels/packed_linear.h"

#include <algorithm>

namespace orthant {
namespace {

// Rows multiplied by one panel before the next: input and panel stay in L2 together.
constexpr std::size_t kRowBlock = 128;

}  // namespace

PackedLinear::PackedLinear(const FloatKernels& kernels, std::size_t output_size, std::size_t input_size, std::span<float> memory)
    : kernels_(&kernels),
      output_size_(output_size),
      input_size_(input_size),
      packed_(memory.first(output_size * input_size).data()) {}

void PackedLinear::set_rows(std::size_t first_output, std::size_t rows, const float* weight) {
  const std::size_t panel_columns = kernels_->panel_columns;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t panel_start = (first_output + row) / panel_columns * panel_columns;
    const std::size_t width = std::min(panel_columns, output_size_ - panel_start);
    float* column = packed_ + panel_start * input_size_ + (first_output + row - panel_start);
    const float* source = weight + row * input_size_;
    for (std::size_t i = 0; i < input_size_; ++i) column[i * width] = source[i];
  }
}

void PackedLinear::multiply(std::size_t rows, const float* input, float* output) const {
  for (std::size_t first = 0; first < rows; first += kRowBlock) {
    const std::size_t count = std::min(kRowBlock, rows - first);
    for (std::size_t start = 0; start < output_size_; start += kernels_->panel_columns) {
      const std::size_t width = std::min(kernels_->panel_columns, output_size_ - start);
      kernels_->gemm(count, width, input_size_, input + first * input_size_, input_size_, packed_ + start * input_size_, width,
                     output + first * output_size_ + start, output_size_);
    }
  }
}

}  // namespace orthant
