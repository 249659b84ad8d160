#include "index/sign_quantizer.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace orthant {
namespace {

// The root of the share of a normally distributed vector's energy that its signs miss, 1 - 2 / pi.
constexpr double kMissedBySigns = 0.6028;

// |x|^2 / |x|_1, in the range of float; 0 for the zero vector.
float sign_scale(std::span<const float> vector) {
  double squares = 0;
  double magnitudes = 0;
  for (float value : vector) {
    squares += double{value} * value;
    magnitudes += std::fabs(double{value});
  }
  if (magnitudes == 0) return 0;
  return static_cast<float>(std::fmin(squares / magnitudes, std::numeric_limits<float>::max()));
}

}  // namespace

void write_sign_code(std::span<const float> vector, std::span<std::uint8_t> code) {
  for (std::size_t byte = 0; byte < code.size(); ++byte) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const std::size_t position = byte * 8 + i;
      bits = bits << 1 | (position < vector.size() && vector[position] > 0 ? 1u : 0u);
    }
    code[byte] = static_cast<std::uint8_t>(bits);
  }
}

void SignQuantizer::encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const {
  const std::size_t count = rows.size() / dim_;
  for (std::size_t row = 0; row < count; ++row) {
    const auto vector = rows.subspan(row * dim_, dim_);
    write_sign_code(vector, codes.subspan(row * code_bytes(), code_bytes()));
    if (row_scales_) scales[row] = sign_scale(vector);
  }
}

CodeQuery SignQuantizer::code_query(std::span<const float> query) const {
  const double expected_scale = row_scales_ ? 1.0 : std::sqrt(std::numbers::pi / 2 / static_cast<double>(dim_));
  CodeQuery result;
  result.weights.reserve(query.size());
  double squares = 0;
  for (float value : query) {
    result.weights.push_back(static_cast<float>(-expected_scale * value));
    squares += double{value} * value;
  }
  result.error = static_cast<float>(kMissedBySigns * expected_scale * std::sqrt(squares));
  return result;
}

LookUpTables SignQuantizer::hamming_tables(std::span<const float> query) const {
  std::vector<std::uint8_t> code(code_bytes());
  write_sign_code(query, code);
  return make_hamming_tables(code, dim_);
}

}  // namespace orthant
