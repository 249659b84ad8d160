#include "index/candidates/bit_planes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "index/vector_sums.h"

namespace orthant {
namespace {

// Bit `plane` of eight levels, the first of them in the highest bit, as codes have it: the multiplication brings the bit of byte k
// to bit 63 - k.
std::uint8_t gather_bits(std::uint64_t levels, std::size_t plane) {
  return static_cast<std::uint8_t>((levels >> plane & 0x0101010101010101) * 0x8040201008040201 >> 56);
}

}  // namespace

// Level u of 0 .. 2^planes - 1 stands for (2 u - (2^planes - 1)) * step.
BitPlanes make_bit_planes(std::span<const float> weights, std::size_t plane_count) {
  BitPlanes planes;
  planes.plane_count = plane_count;
  planes.word_count = code_words(weights.size());
  planes.words.resize(plane_count * planes.word_count);
  const float largest_level = static_cast<float>((1u << plane_count) - 1);
  const float step = largest_magnitude(weights) / largest_level;
  const float inverse = 1 / (2 * step);
  if (!(step > 0) || !std::isfinite(inverse) || !std::isfinite(step)) return planes;  // all rows look alike

  std::vector<std::uint8_t> levels(planes.word_count * 64);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float level = weights[i] * inverse + largest_level / 2 + 0.5f;
    levels[i] = static_cast<std::uint8_t>(static_cast<int>(std::clamp(level, 0.0f, largest_level)));
  }
  auto* bytes = reinterpret_cast<std::uint8_t*>(planes.words.data());
  const std::size_t plane_bytes = planes.word_count * 8;
  for (std::size_t byte = 0; byte < plane_bytes; ++byte) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, levels.data() + byte * 8, 8);
    for (std::size_t plane = 0; plane < plane_count; ++plane) bytes[plane * plane_bytes + byte] = gather_bits(eight, plane);
  }
  for (float weight : weights) planes.reach += std::fabs(weight);
  planes.slope = -2 * step;
  planes.base = step * largest_level * static_cast<float>(weights.size());
  return planes;
}

}  // namespace orthant
