#pragma once
// FastRotation: a random orthonormal map of any dimension in O(dim log dim), after the fast Johnson-Lindenstrauss transform of
// Ailon & Chazelle (2009). A Hadamard transform needs a power of two, so each of three rounds permutes and flips signs at random,
// then transforms blocks of the powers of two that make up the dimension (384 = 256 + 128); the permutations carry what one block
// holds to all others. Follows from dimension and seed alone. Read-only once made; any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orthant {

class FastRotation {
 public:
  FastRotation(std::size_t dim, std::uint64_t seed);

  // Norms and dot products are kept. `scratch` holds dim values.
  void apply(std::span<float> vector, std::span<float> scratch) const;

 private:
  struct Round {
    std::vector<std::uint32_t> source;  // value i comes from here
    std::vector<float> signs;           // and is multiplied by +1 or -1
  };
  std::vector<Round> rounds_;
};

}  // namespace orthant
