#pragma once
// Seeds of random tests: printed at every run, taken back from ORTHANT_TEST_SEED. What holds for every input is tested with a new
// seed at each run. What only holds for most inputs (a recall, the error of an estimate) is tested with the same one, so that a
// failure is the fault of a change; ORTHANT_TEST_SEED=random tries others.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string_view>

namespace orthant::test {

inline std::uint64_t print_seed(std::uint64_t seed) {
  std::cout << "ORTHANT_TEST_SEED=" << seed << '\n';
  return seed;
}

inline std::uint64_t seed_or(std::uint64_t otherwise) {
  const char* given = std::getenv("ORTHANT_TEST_SEED");
  if (given == nullptr) return print_seed(otherwise);
  if (std::string_view(given) == "random") return print_seed(std::random_device{}());
  return print_seed(std::strtoull(given, nullptr, 10));
}

// For properties of every input.
inline std::uint64_t random_seed() {
  return seed_or(std::random_device{}());
}

// For properties of most inputs.
inline std::uint64_t sample_seed() {
  return seed_or(20'261'121);
}

}  // namespace orthant::test
