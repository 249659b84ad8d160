#include "index/look_up_tables.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "index/kernels/distance_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kHalfBits = 4;
constexpr std::size_t kHalfEntries = 16;
constexpr std::size_t kGroupHalves = 2 * kTableGroupBytes;
constexpr std::size_t kGroupDims = kGroupHalves * kHalfBits;
constexpr double kMaxGroupSum = 255;
constexpr double kMaxSum = 65'535;

struct Magnitudes {
  double largest_group = 0;
  double total = 0;
};

Magnitudes measure(std::span<const float> weights) {
  Magnitudes result;
  for (std::size_t first = 0; first < weights.size(); first += kGroupDims) {
    double group = 0;
    for (float weight : weights.subspan(first, std::min(kGroupDims, weights.size() - first))) group += std::fabs(weight);
    result.largest_group = std::max(result.largest_group, group);
    result.total += group;
  }
  return result;
}

// Each entry is rounded up by at most one half; the shares kept back for that make overflow impossible.
double smallest_step(const Magnitudes& magnitudes, std::size_t halves) {
  const double group_room = kMaxGroupSum - 0.5 * static_cast<double>(std::min(halves, kGroupHalves));
  const double room = kMaxSum - 0.5 * static_cast<double>(halves);
  return std::max(2 * magnitudes.largest_group / group_room, 2 * magnitudes.total / room);
}

// Of each half the largest entry.
std::size_t add_largest(std::span<const std::uint8_t> entries) {
  std::size_t sum = 0;
  for (std::size_t half = 0; half < entries.size(); half += kHalfEntries) {
    std::uint8_t largest = 0;
    for (std::uint8_t entry : entries.subspan(half, kHalfEntries)) largest = std::max(largest, entry);
    sum += largest;
  }
  return sum;
}

// Entries of four dimensions, the first of them in the pattern's highest bit: twice the weights of the dimensions whose sign is as
// set, counted from the smallest pattern.
void fill_half(const std::array<float, kHalfBits>& weights, float inverse_step, std::uint8_t* entries) {
  std::array<float, kHalfEntries> values{};
  float smallest = 0;
  for (float weight : weights) smallest += std::min(weight, 0.0f);
  values[0] = -2 * smallest * inverse_step + 0.5f;
  for (std::size_t bit = 0; bit < kHalfBits; ++bit) {
    const float share = 2 * weights[kHalfBits - 1 - bit] * inverse_step;
    const std::size_t size = std::size_t{1} << bit;
    for (std::size_t i = 0; i < size; ++i) values[size + i] = values[i] + share;
  }
  // A pattern whose shares cancel may come out a rounding error below zero.
  for (std::size_t i = 0; i < kHalfEntries; ++i) entries[i] = static_cast<std::uint8_t>(std::max(values[i], 0.0f));
}

}  // namespace

LookUpTables make_signed_sum_tables(std::span<const float> weights) {
  const std::size_t code_bytes = (weights.size() + 7) / 8;
  const std::size_t halves = 2 * code_bytes;
  LookUpTables tables;
  tables.entries.resize(code_bytes * kTableBytesPerCodeByte);
  const Magnitudes magnitudes = measure(weights);
  const double step = smallest_step(magnitudes, halves);
  tables.step = static_cast<float>(step);
  tables.base = static_cast<float>(-magnitudes.total);
  const auto inverse_step = static_cast<float>(1 / step);
  // Weights too small for float arithmetic: all rows look alike.
  if (!(step > 0) || !std::isfinite(inverse_step) || !std::isfinite(tables.base)) return {std::move(tables.entries), 0, 0, 0};
  for (std::size_t half = 0; half < halves; ++half) {
    std::array<float, kHalfBits> part{};
    for (std::size_t i = 0; i < kHalfBits && half * kHalfBits + i < weights.size(); ++i) part[i] = weights[half * kHalfBits + i];
    fill_half(part, inverse_step, tables.entries.data() + half * kHalfEntries);
  }
  tables.largest_sum = add_largest(tables.entries);
  return tables;
}

LookUpTables make_hamming_tables(std::span<const std::uint8_t> code, std::size_t dim) {
  LookUpTables tables;
  tables.entries.resize(code.size() * kTableBytesPerCodeByte);
  for (std::size_t half = 0; half < 2 * code.size(); ++half) {
    const unsigned mine = half % 2 == 0 ? code[half / 2] >> 4 : code[half / 2] & 0x0fu;
    for (unsigned other = 0; other < kHalfEntries; ++other) {
      tables.entries[half * kHalfEntries + other] = static_cast<std::uint8_t>(std::popcount(mine ^ other));
    }
  }
  // The one sum that 16 bits cannot hold.
  if (dim > kMaxSum) {
    for (std::uint8_t& entry : std::span(tables.entries).last(kHalfEntries)) entry = std::min<std::uint8_t>(entry, 3);
  }
  tables.largest_sum = std::min(dim, static_cast<std::size_t>(kMaxSum));
  return tables;
}

}  // namespace orthant
