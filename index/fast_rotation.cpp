#include "index/fast_rotation.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

namespace orthant {
namespace {

constexpr int kRounds = 3;

void hadamard(std::span<float> values) {
  for (std::size_t half = 1; half < values.size(); half *= 2) {
    for (std::size_t first = 0; first < values.size(); first += 2 * half) {
      float* low = values.data() + first;
      float* high = low + half;
      for (std::size_t i = 0; i < half; ++i) {
        const float sum = low[i] + high[i];
        high[i] = low[i] - high[i];
        low[i] = sum;
      }
    }
  }
  const auto unit = static_cast<float>(1 / std::sqrt(static_cast<double>(values.size())));
  for (float& value : values) value *= unit;
}

// std::shuffle may differ between standard libraries; stored rotations must not.
void shuffle(std::vector<std::uint32_t>& values, std::mt19937_64& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

}  // namespace

FastRotation::FastRotation(std::size_t dim, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < kRounds; ++i) {
    Round round;
    round.source.resize(dim);
    std::iota(round.source.begin(), round.source.end(), 0u);
    shuffle(round.source, random);
    for (std::size_t position = 0; position < dim; ++position) round.signs.push_back(random() % 2 == 0 ? 1.0f : -1.0f);
    rounds_.push_back(std::move(round));
  }
}

void FastRotation::apply(std::span<float> vector, std::span<float> scratch) const {
  for (const Round& round : rounds_) {
    for (std::size_t i = 0; i < vector.size(); ++i) scratch[i] = round.signs[i] * vector[round.source[i]];
    for (std::size_t first = 0; first < vector.size();) {
      const std::size_t block = std::bit_floor(vector.size() - first);
      hadamard(scratch.subspan(first, block));
      first += block;
    }
    std::copy(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(vector.size()), vector.begin());
  }
}

}  // namespace orthant
