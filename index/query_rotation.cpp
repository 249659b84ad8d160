#include "index/query_rotation.h"

#include "index/kernels/dispatch.h"
#include "index/scalar_quantizer.h"

namespace orthant {

QueryRotation::QueryRotation(const Matrix& rotation)
    : dim_(rotation.rows()), codes_(rotation.rows() * rotation.columns()), scales_(rotation.columns()) {
  const Matrix columns = transposed(rotation);
  for (std::size_t i = 0; i < scales_.size(); ++i) {
    scales_[i] = quantize_row(columns.row_values(i), {codes_.data() + i * dim_, dim_});
  }
}

std::vector<float> QueryRotation::apply(std::span<const float> query) const {
  const QuantizedQuery quantized = quantize_query(query);
  std::vector<std::int32_t> products(scales_.size());
  distance_kernels().dot_i8_rows(quantized.values.data(), codes_.data(), dim_, products.size(), products.data());
  std::vector<float> rotated(products.size());
  for (std::size_t i = 0; i < rotated.size(); ++i) rotated[i] = static_cast<float>(products[i]) * (quantized.scale * scales_[i]);
  return rotated;
}

}  // namespace orthant
