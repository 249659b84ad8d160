#include "engine/paired_difference.h"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace orthant {
namespace {

constexpr std::size_t kDraws = 10'000;
constexpr std::uint64_t kSeed = 20'070'611;  // the draws of every run are the same
constexpr double kStandardErrors = 1.96;
// Sums of the same numbers in another order differ by roundings.
constexpr double kRounding = 1e-12;

double standard_error(std::span<const double> differences, double mean) {
  if (differences.size() < 2) return 0;
  double squares = 0;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  const auto count = static_cast<double>(differences.size());
  return std::sqrt(squares / (count - 1) / count);
}

// Queries without a difference keep it under any sign.
double randomized_p_value(std::span<const double> differences, double sum) {
  if (differences.empty()) return 1;
  std::mt19937_64 generator(kSeed);
  std::size_t as_far = 0;
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    double drawn = 0;
    std::uint64_t signs = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      if (i % 64 == 0) signs = generator();
      drawn += (signs & 1) != 0 ? differences[i] : -differences[i];
      signs >>= 1;
    }
    as_far += std::abs(drawn) >= std::abs(sum) - kRounding ? 1 : 0;
  }
  return static_cast<double>(as_far + 1) / static_cast<double>(kDraws + 1);
}

}  // namespace

PairedDifference paired_difference(std::span<const double> before, std::span<const double> after) {
  assert(before.size() == after.size());
  PairedDifference result;
  if (before.empty()) return result;
  std::vector<double> differences;
  std::vector<double> moved;
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double difference = after[i] - before[i];
    differences.push_back(difference);
    sum += difference;
    if (difference == 0) continue;
    moved.push_back(difference);
    ++(difference > 0 ? result.better : result.worse);
  }
  result.mean = sum / static_cast<double>(before.size());
  const double reach = kStandardErrors * standard_error(differences, result.mean);
  result.low = result.mean - reach;
  result.high = result.mean + reach;
  result.p_value = randomized_p_value(moved, sum);
  return result;
}

}  // namespace orthant
