#include "encoder/quantize/int8_rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "encoder/kernels/int8_range.h"

namespace orthant {
namespace {

constexpr std::size_t kRun = 8;
constexpr std::size_t kCandidates = 25;
constexpr float kFirstFactor = 0.8F;
constexpr float kFactorStep = 0.05F;  // up to 2: four equal codes then just fit their sum

// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even, at every instruction set's vector width.
constexpr float kRounder = 12'582'912.0F;

float rounded(float value) {
  return (value + kRounder) - kRounder;
}

float nearest_code(float scaled) {
  return std::min(127.0F, std::max(-127.0F, rounded(scaled)));
}

// The codes of one set and sign, lowered in magnitude until their sum fits: always the one that lies furthest above its value,
// which is the choice of least squared error.
void lower_set(std::span<const float> scaled, std::span<float> codes, std::size_t set, float sign) {
  float sum = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (pair_set(i) == set) sum += std::max(sign * codes[i], 0.0F);
  }
  for (; sum > kMaxPairSum; --sum) {
    std::size_t chosen = codes.size();
    float furthest = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const float above = sign * (codes[i] - scaled[i]);
      if (pair_set(i) != set || sign * codes[i] <= 0 || (chosen != codes.size() && above <= furthest)) continue;
      chosen = i;
      furthest = above;
    }
    codes[chosen] -= sign;
  }
}

// One run of up to eight inputs.
void round_run(std::span<const float> row, float inverse, std::span<float> codes) {
  std::array<float, kRun> scaled{};
  std::array<float, kRun> magnitude{};
  for (std::size_t i = 0; i < row.size(); ++i) {
    scaled[i] = row[i] * inverse;
    codes[i] = nearest_code(scaled[i]);
    magnitude[i] = std::abs(codes[i]);
  }
  // Nearly no set needs a closer look.
  if (magnitude[0] + magnitude[1] + magnitude[4] + magnitude[5] <= kMaxPairSum &&
      magnitude[2] + magnitude[3] + magnitude[6] + magnitude[7] <= kMaxPairSum) {
    return;
  }
  const std::span<const float> values = std::span(scaled).first(row.size());
  for (const std::size_t set : {0U, 1U}) {
    lower_set(values, codes, set, 1.0F);
    lower_set(values, codes, set, -1.0F);
  }
}

float inverse_of(float scale) {
  return scale > 0 ? 1.0F / scale : 0.0F;
}

// Squared error without the bound on pair sums: never more than with it.
float free_error(std::span<const float> row, float scale) {
  const float inverse = inverse_of(scale);
  std::array<float, kRun> sums{};
  std::size_t i = 0;
  for (; i + kRun <= row.size(); i += kRun) {
    for (std::size_t lane = 0; lane < kRun; ++lane) {
      const float scaled = row[i + lane] * inverse;
      const float difference = scaled - nearest_code(scaled);
      sums[lane] += difference * difference;
    }
  }
  for (; i < row.size(); ++i) {
    const float difference = row[i] * inverse - nearest_code(row[i] * inverse);
    sums[0] += difference * difference;
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0F) * scale * scale;
}

float bounded_error(std::span<const float> row, float scale) {
  const float inverse = inverse_of(scale);
  std::array<float, kRun> codes{};
  float sum = 0;
  for (std::size_t start = 0; start < row.size(); start += kRun) {
    const std::size_t count = std::min(kRun, row.size() - start);
    round_run(row.subspan(start, count), inverse, std::span(codes).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      const float difference = row[start + i] * inverse - codes[i];
      sum += difference * difference;
    }
  }
  return sum * scale * scale;
}

}  // namespace

float fit_int8_scale(std::span<const float> row) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  std::array<float, kCandidates> scales{};
  std::array<float, kCandidates> errors{};
  std::array<std::size_t, kCandidates> order{};
  for (std::size_t i = 0; i < kCandidates; ++i) {
    scales[i] = largest / 127.0F * (kFirstFactor + kFactorStep * static_cast<float>(i));
    errors[i] = free_error(row, scales[i]);
    order[i] = i;
  }
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::pair(errors[a], a) < std::pair(errors[b], b); });
  // Best first by the lower bound: the search ends when no other can win.
  float best_scale = scales[order[0]];
  float best_error = bounded_error(row, best_scale);
  for (std::size_t i = 1; i < kCandidates && errors[order[i]] < best_error; ++i) {
    const float error = bounded_error(row, scales[order[i]]);
    if (error < best_error) {
      best_error = error;
      best_scale = scales[order[i]];
    }
  }
  return best_scale;
}

void round_to_int8(std::span<const float> row, float scale, std::span<std::int8_t> codes) {
  const float inverse = inverse_of(scale);
  std::array<float, kRun> run{};
  for (std::size_t start = 0; start < row.size(); start += kRun) {
    const std::size_t count = std::min(kRun, row.size() - start);
    round_run(row.subspan(start, count), inverse, std::span(run).first(count));
    for (std::size_t i = 0; i < count; ++i) codes[start + i] = static_cast<std::int8_t>(run[i]);
  }
}

}  // namespace orthant
