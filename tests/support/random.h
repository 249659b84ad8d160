#pragma once
// Seeds of random tests: printed at every run, taken back from ORTHANT_TEST_SEED.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace orthant::test {

inline std::uint64_t random_seed() {
  const char* given = std::getenv("ORTHANT_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "ORTHANT_TEST_SEED=" << seed << '\n';
  return seed;
}

}  // namespace orthant::test
