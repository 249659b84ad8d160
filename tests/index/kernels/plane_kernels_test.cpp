// Plane sums of every level against plain counting, and the estimates that bit planes give against sums in double precision.

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/candidates/bit_planes.h"
#include "index/kernels/plane_dispatch.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

class PlaneKernelsOf : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam())) GTEST_SKIP() << "this CPU lacks " << cpu_level_name(GetParam());
    kernels_ = plane_kernels_of(GetParam());
  }
  std::vector<std::uint64_t> random_words(std::size_t count) {
    std::vector<std::uint64_t> words(count);
    for (auto& word : words) word = random_() | (random_() % 4 == 0 ? ~std::uint64_t{0} : 0);
    return words;
  }

  PlaneKernels kernels_ = {};
  std::mt19937_64 random_{test::random_seed()};
};

TEST_P(PlaneKernelsOf, CountExactly) {
  for (std::size_t words : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33, 1'024}) {
    for (std::size_t plane_count = 1; plane_count <= kMaxPlanes; ++plane_count) {
      const auto planes = random_words(plane_count * words);
      const std::size_t count = random_() % 11;
      const auto codes = random_words(count * words);
      std::vector<const std::uint8_t*> rows;
      for (std::size_t row = 0; row < count; ++row)
        rows.push_back(reinterpret_cast<const std::uint8_t*>(codes.data() + row * words));
      std::vector<std::uint32_t> sums(count + 1, 77);
      kernels_.plane_sums_list({planes.data(), words, plane_count}, rows.data(), count, sums.data());
      for (std::size_t row = 0; row < count; ++row) {
        std::uint32_t expected = 0;
        for (std::size_t plane = 0; plane < plane_count; ++plane) {
          for (std::size_t i = 0; i < words; ++i) {
            expected += static_cast<std::uint32_t>(std::popcount(planes[plane * words + i] ^ codes[row * words + i])) << plane;
          }
        }
        ASSERT_EQ(sums[row], expected) << words << " words, " << plane_count << " planes, row " << row;
      }
      ASSERT_EQ(sums[count], 77u);
    }
  }
}

TEST_P(PlaneKernelsOf, EstimateWeightedSigns) {
  std::normal_distribution<float> normal;
  for (std::size_t bits : {1, 7, 8, 63, 64, 65, 384, 1'000}) {
    for (std::size_t plane_count : {3, 4, 6, 8}) {
      std::vector<float> weights(bits);
      for (float& weight : weights) weight = normal(random_);
      const BitPlanes planes = make_bit_planes(weights, plane_count);
      std::vector<std::uint8_t> code(code_words(bits) * 8);
      double expected = 0;
      float largest = 0;
      for (std::size_t i = 0; i < bits; ++i) {
        const bool set = random_() % 2 == 0;
        if (set) code[i / 8] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
        expected += set ? weights[i] : -weights[i];
        largest = std::max(largest, std::fabs(weights[i]));
      }
      const std::uint8_t* row = code.data();
      std::uint32_t sum = 0;
      kernels_.plane_sums_list(planes.query(), &row, 1, &sum);
      // Each weight is off by at most half of the distance between levels.
      const double half = largest / ((1 << plane_count) - 1);
      EXPECT_NEAR(planes.slope * static_cast<float>(sum) + planes.base, expected, half * static_cast<double>(bits) + 1e-3);
      EXPECT_LE(std::fabs(expected), planes.reach * 1.0001);
    }
  }
}

TEST(BitPlanes, OfWeightsWithoutSizeMakeAllRowsAlike) {
  for (float weight : {0.0f, 1e-44f}) {
    const BitPlanes planes = make_bit_planes(std::vector<float>(16, weight), 4);
    EXPECT_EQ(planes.slope, 0);
    EXPECT_EQ(planes.base, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, PlaneKernelsOf, testing::ValuesIn(all_cpu_levels()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace orthant
