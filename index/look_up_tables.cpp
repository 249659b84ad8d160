#include "index/look_up_tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "index/kernels/dispatch.h"
#include "index/kernels/distance_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kHalfBits = 4;
constexpr std::size_t kHalfEntries = 16;
constexpr std::size_t kGroupDims = kTableGroupBytes * 8;
constexpr std::size_t kMaxGroupSum = 255;
constexpr std::size_t kMaxSum = 65'535;

// A row's sum is that of the magnitudes of the bits that differ from `code`: every table of this file has this form.
struct WeightedBits {
  std::vector<std::uint8_t> code;        // in the order of ubinary
  std::vector<std::uint8_t> magnitudes;  // 8 * code.size()
};

// Of a half's 16 patterns, a byte each, those with the bit: patterns 0 to 7 by the lower three bits, then all by the highest.
constexpr std::uint64_t kPatternsWith[3] = {0x0100'0100'0100'0100, 0x0101'0000'0101'0000, 0x0101'0101'0000'0000};
constexpr std::uint64_t kAllPatterns = 0x0101'0101'0101'0101;

// Adds eight entries at once; no byte overflows, because a half's magnitudes add up to at most 255.
void fill_half(const std::uint8_t* magnitudes, unsigned code, std::uint8_t* entries) {
  std::uint64_t lower = 0;
  for (unsigned bit = 0; bit < 3; ++bit) {
    const std::uint64_t differing = (code >> bit & 1) != 0 ? kAllPatterns ^ kPatternsWith[bit] : kPatternsWith[bit];
    lower += differing * magnitudes[kHalfBits - 1 - bit];
  }
  const std::uint64_t highest = kAllPatterns * magnitudes[0];
  const std::uint64_t with_highest = (code >> 3 & 1) != 0 ? lower : lower + highest;
  const std::uint64_t without = (code >> 3 & 1) != 0 ? lower + highest : lower;
  std::memcpy(entries, &without, sizeof without);
  std::memcpy(entries + 8, &with_highest, sizeof with_highest);
}

void fill_tables(const WeightedBits& bits, LookUpTables& tables) {
  tables.entries.resize(bits.code.size() * kTableBytesPerCodeByte);
  for (std::size_t byte = 0; byte < bits.code.size(); ++byte) {
    std::uint8_t* entries = tables.entries.data() + byte * kTableBytesPerCodeByte;
    fill_half(bits.magnitudes.data() + byte * 8, bits.code[byte] >> 4, entries);
    fill_half(bits.magnitudes.data() + byte * 8 + kHalfBits, bits.code[byte] & 0x0fu, entries + kHalfEntries);
  }
  const DistanceKernels& kernels = distance_kernels();
  if (kernels.widen_tables == nullptr) return;
  tables.wide = AlignedArray<std::uint8_t>(wide_table_bytes(bits.code.size()));
  kernels.widen_tables(tables.entries.data(), bits.code.size(), tables.wide.data());
}

// The largest sum of a group, and the sum of all.
template <typename T>
struct Sums {
  T largest_group = 0;
  T total = 0;
};

// Four partial sums: additions of floating-point numbers wait for each other.
Sums<double> sum_magnitudes(std::span<const float> weights) {
  Sums<double> sums;
  for (std::size_t first = 0; first < weights.size(); first += kGroupDims) {
    const auto group = weights.subspan(first, std::min(kGroupDims, weights.size() - first));
    std::array<double, 4> parts = {};
    const std::size_t whole = group.size() / parts.size() * parts.size();
    for (std::size_t i = 0; i < whole; i += parts.size()) {
      for (std::size_t part = 0; part < parts.size(); ++part) parts[part] += std::fabs(double{group[i + part]});
    }
    for (std::size_t i = whole; i < group.size(); ++i) parts[0] += std::fabs(double{group[i]});
    const double sum = (parts[0] + parts[1]) + (parts[2] + parts[3]);
    sums.largest_group = std::max(sums.largest_group, sum);
    sums.total += sum;
  }
  return sums;
}

// Rounds to whole steps. Loops that do one thing each, so that the compiler vectorizes them.
Sums<std::size_t> round_weights(std::span<const float> weights, float inverse_step, std::span<std::uint8_t> magnitudes) {
  Sums<std::size_t> sums;
  std::array<std::int32_t, kGroupDims> rounded;
  for (std::size_t first = 0; first < weights.size(); first += kGroupDims) {
    const std::size_t count = std::min(kGroupDims, weights.size() - first);
    const float* group = weights.data() + first;
    for (std::size_t i = 0; i < count; ++i) {
      const float steps = std::fabs(group[i]) * inverse_step + 0.5f;
      rounded[i] = static_cast<std::int32_t>(steps < float{kMaxGroupSum} ? steps : float{kMaxGroupSum});
    }
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += rounded[i];
    for (std::size_t i = 0; i < count; ++i) magnitudes[first + i] = static_cast<std::uint8_t>(rounded[i]);
    sums.largest_group = std::max(sums.largest_group, static_cast<std::size_t>(sum));
    sums.total += static_cast<std::size_t>(sum);
  }
  return sums;
}

// The bits that lower the sum of a row where they are set: those of negative weights.
std::vector<std::uint8_t> code_of_negatives(std::span<const float> weights) {
  std::vector<std::uint8_t> code((weights.size() + 7) / 8);
  const std::size_t whole = weights.size() / 8;
  for (std::size_t byte = 0; byte < whole; ++byte) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 8; ++i) bits = bits << 1 | (weights[byte * 8 + i] < 0 ? 1u : 0u);
    code[byte] = static_cast<std::uint8_t>(bits);
  }
  for (std::size_t i = whole * 8; i < weights.size(); ++i) {
    if (weights[i] < 0) code[i / 8] = static_cast<std::uint8_t>(code[i / 8] | 0x80u >> i % 8);
  }
  return code;
}

bool within_limits(const Sums<std::size_t>& sums) {
  return sums.largest_group <= kMaxGroupSum && sums.total <= kMaxSum;
}

}  // namespace

LookUpTables make_signed_sum_tables(std::span<const float> weights) {
  // Roundings add up: some room is left to them, and a slightly larger step is tried where it was too little.
  constexpr double kRoom = 2;
  constexpr double kGrowth = 1.01;
  LookUpTables tables;
  WeightedBits bits;
  bits.code = code_of_negatives(weights);
  bits.magnitudes.resize(8 * bits.code.size());
  const Sums<double> exact = sum_magnitudes(weights);
  double half_step = std::max(exact.largest_group / (kMaxGroupSum - kRoom), exact.total / (kMaxSum - kRoom));
  // Weights too small or too large for float arithmetic: all rows look alike.
  const bool usable =
      half_step > 0 && std::isfinite(static_cast<float>(exact.total)) && std::isfinite(static_cast<float>(1 / half_step));
  Sums<std::size_t> rounded;
  while (usable) {
    rounded = round_weights(weights, static_cast<float>(1 / half_step), bits.magnitudes);
    if (within_limits(rounded)) break;
    half_step *= kGrowth;
  }
  fill_tables(bits, tables);
  tables.step = usable ? static_cast<float>(2 * half_step) : 0;
  tables.base = usable ? static_cast<float>(-half_step * static_cast<double>(rounded.total)) : 0;
  tables.largest_sum = rounded.total;
  return tables;
}

LookUpTables make_hamming_tables(std::span<const std::uint8_t> code, std::size_t dim, std::span<const std::uint8_t> counted) {
  LookUpTables tables;
  WeightedBits bits = {{code.begin(), code.end()}, std::vector<std::uint8_t>(8 * code.size(), 1)};
  if (dim > kMaxSum) bits.magnitudes.back() = 0;
  for (std::size_t i = 0; i < 8 * counted.size(); ++i) {
    if ((counted[i / 8] >> (7 - i % 8) & 1) == 0) bits.magnitudes[i] = 0;
  }
  fill_tables(bits, tables);
  tables.largest_sum = std::min(8 * code.size(), kMaxSum);
  return tables;
}

}  // namespace orthant
