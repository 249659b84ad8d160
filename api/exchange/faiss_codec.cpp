#include "api/exchange/faiss_codec.h"

#include <cstring>

#include "base/half.h"

namespace orthant {
namespace {

// `bits` bits from bit number `position` on, least significant first. At most 8 bits, which span two bytes at most.
unsigned bits_at(ByteSpan code, std::size_t position, unsigned bits) {
  unsigned value = code[position / 8];
  if (position % 8 + bits > 8) value |= static_cast<unsigned>(code[position / 8 + 1]) << 8;
  return value >> (position % 8) & ((1u << bits) - 1);
}

std::uint16_t half_at(ByteSpan code, std::size_t i) {
  std::uint16_t half = 0;
  std::memcpy(&half, code.data() + 2 * i, sizeof half);
  return half;
}

// A code stands for the middle of its share of the dimension's range.
float ranged(const FaissCodec& codec, ByteSpan code, std::size_t i, unsigned bits) {
  const float share = (static_cast<float>(bits_at(code, i * bits, bits)) + 0.5f) / static_cast<float>((1u << bits) - 1);
  return codec.least[i] + share * codec.range[i];
}

float component(const FaissCodec& codec, ByteSpan code, std::size_t i) {
  switch (*codec.scalar) {
    case FaissScalar::k8Bit:
    case FaissScalar::k8BitUniform: return ranged(codec, code, i, 8);
    case FaissScalar::k4Bit:
    case FaissScalar::k4BitUniform: return ranged(codec, code, i, 4);
    case FaissScalar::k6Bit: return ranged(codec, code, i, 6);
    case FaissScalar::kFloat16: return float_from_float16(half_at(code, i));
    case FaissScalar::kBfloat16: return float_from_bfloat16(half_at(code, i));
    case FaissScalar::k8BitDirect: return static_cast<float>(code[i]);
    case FaissScalar::k8BitDirectSigned: return static_cast<float>(code[i]) - 128.0f;
  }
  return 0;
}

}  // namespace

std::vector<float> decode_faiss_codes(const FaissIndex& index, ByteSpan codes) {
  const std::size_t rows = codes.size() / index.code_bytes;
  std::vector<float> out(rows * index.stored_dim);
  if (!index.codec.scalar) {
    if (!out.empty()) std::memcpy(out.data(), codes.data(), codes.size());
    return out;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const ByteSpan code = codes.subspan(row * index.code_bytes, index.code_bytes);
    for (std::size_t i = 0; i < index.stored_dim; ++i) out[row * index.stored_dim + i] = component(index.codec, code, i);
  }
  return out;
}

std::vector<float> undo_transform(const FaissTransform& transform, std::vector<float> vectors) {
  const std::size_t rows = vectors.size() / transform.dim_out;
  for (std::size_t i = 0; i < vectors.size() && !transform.offset.empty(); ++i)
    vectors[i] -= transform.offset[i % transform.dim_out];
  if (transform.matrix.empty()) return vectors;
  std::vector<float> out(rows * transform.dim_in);
  for (std::size_t row = 0; row < rows; ++row) {
    float* const to = out.data() + row * transform.dim_in;
    for (std::size_t j = 0; j < transform.dim_out; ++j) {
      const float value = vectors[row * transform.dim_out + j];
      const float* const line = transform.matrix.data() + j * transform.dim_in;
      for (std::size_t i = 0; i < transform.dim_in; ++i) to[i] += value * line[i];
    }
  }
  return out;
}

}  // namespace orthant
