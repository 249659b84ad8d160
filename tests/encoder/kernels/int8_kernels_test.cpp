// The integer kernels of every level against plain loops, and the levels against each other.

#include "encoder/kernels/int8_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "base/cpu.h"
#include "encoder/kernels/int8_dispatch.h"
#include "encoder/kernels/linear_weights.h"
#include "tests/support/random.h"

namespace orthant {

#if defined(__x86_64__)
// The kernels for AVX-VNNI in the encoding of AVX-512 (avxvnni_as_avx512.cpp): CPUs that have both encodings are rare.
extern const Int8Kernels kInt8KernelsAvxVnniEvex;
#endif

namespace {

// A panel in the kernels' order, with the plain matrix beside it.
struct Panel {
  std::size_t depth = 0;
  std::vector<std::vector<int>> columns;  // column -> depth codes
  std::vector<std::int8_t> packed;
  std::vector<std::int32_t> start;
  std::vector<float> scales;
  std::vector<float> bias;
};

struct Table {
  std::string name;
  CpuLevel needed;
  const Int8Kernels* kernels;
};

std::vector<Table> all_tables() {
  std::vector<Table> tables;
  for (const CpuLevel level : all_cpu_levels()) {
    tables.push_back({std::string(cpu_level_name(level)), level, &int8_kernels_for(level)});
  }
#if defined(__x86_64__)
  tables.push_back({"avxvnni_as_avx512", CpuLevel::kAvx512, &kInt8KernelsAvxVnniEvex});
#endif
  return tables;
}

class Int8KernelsOfLevel : public testing::TestWithParam<Table> {
 protected:
  void SetUp() override {
    const CpuLevel needed = GetParam().needed;
    if (!cpu_supports(needed)) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(needed);
    kernels_ = GetParam().kernels;
  }

  Panel make_panel(std::size_t depth, int (*code)(std::mt19937_64&)) {
    const std::size_t width = kernels_->panel_columns;
    Panel panel;
    panel.depth = depth;
    panel.columns.assign(width, std::vector<int>(depth));
    panel.packed.resize(depth * width);
    std::uniform_real_distribution<float> scale(0.001F, 0.1F);
    for (std::size_t column = 0; column < width; ++column) {
      int sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        const int value = code(generator_);
        panel.columns[column][k] = value;
        panel.packed[k / 4 * 4 * width + column * 4 + k % 4] = static_cast<std::int8_t>(value);
        sum += value;
      }
      panel.start.push_back(-kActivationOffset * sum);
      panel.scales.push_back(scale(generator_));
      panel.bias.push_back(scale(generator_) - 0.05F);
    }
    return panel;
  }

  void expect_product(const Panel& panel, std::size_t rows, std::size_t columns, const std::vector<std::uint8_t>& codes,
                      void (*multiply)(const Int8Product&)) {
    std::vector<float> steps(rows);
    std::uniform_real_distribution<float> step(0.001F, 0.1F);
    for (float& value : steps) value = step(generator_);
    std::vector<float> c(rows * (columns + 3), 77.0F);
    multiply({rows, panel.depth, columns, codes.data(), steps.data(), panel.packed.data(), panel.packed.data(), panel.start.data(),
              panel.scales.data(), panel.bias.data(), c.data(), columns + 3});
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column) {
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < panel.depth; ++k) {
          sum += (codes[row * panel.depth + k] - kActivationOffset) * panel.columns[column][k];
        }
        const double expected = static_cast<double>(sum) * steps[row] * panel.scales[column] + panel.bias[column];
        ASSERT_NEAR(c[row * (columns + 3) + column], expected, std::abs(expected) * 4e-7 + 1e-8)
            << rows << " x " << panel.depth << " x " << columns << " at " << row << ", " << column;
      }
      ASSERT_EQ(c[row * (columns + 3) + columns], 77.0F) << "wrote past the row";
    }
  }

  std::vector<std::uint8_t> random_codes(std::size_t count) {
    std::uniform_int_distribution<int> code(-kActivationLimit, kActivationLimit);
    std::vector<std::uint8_t> codes(count);
    for (std::uint8_t& value : codes) value = static_cast<std::uint8_t>(code(generator_) + kActivationOffset);
    return codes;
  }

  const Int8Kernels* kernels_ = nullptr;
  std::mt19937_64 generator_{test::random_seed()};
};

int any_code(std::mt19937_64& generator) {
  return std::uniform_int_distribution<int>(-127, 127)(generator);
}
// At most 64: four of them times 127 stay within 16 bits.
int small_code(std::mt19937_64& generator) {
  return std::uniform_int_distribution<int>(-64, 64)(generator);
}
int largest_code(std::mt19937_64& generator) {
  return (generator() & 1) != 0 ? 127 : -127;
}
// Runs of one sign reach the bound of the sums in 16 bits.
int largest_small_code(std::mt19937_64& generator) {
  static int left = 0;
  static int value = 64;
  if (left-- == 0) {
    left = 16;
    value = (generator() & 1) != 0 ? 64 : -64;
  }
  return value;
}

TEST_P(Int8KernelsOfLevel, MultiplyExactlyForAllSmallShapes) {
  for (const std::size_t depth : {8U, 16U, 64U, 384U}) {
    const Panel panel = make_panel(depth, small_code);
    for (std::size_t rows = 1; rows <= 17; ++rows) {
      for (std::size_t columns = 1; columns <= kernels_->panel_columns; columns += 5) {
        expect_product(panel, rows, columns, random_codes(rows * depth), kernels_->multiply);
      }
      expect_product(panel, rows, kernels_->panel_columns, random_codes(rows * depth), kernels_->multiply);
    }
  }
}

TEST_P(Int8KernelsOfLevel, MultiplyWideIsExactForAnyCodes) {
  for (const auto code : {any_code, largest_code}) {
    const Panel panel = make_panel(128, code);
    for (std::size_t rows = 1; rows <= 9; ++rows) {
      expect_product(panel, rows, kernels_->panel_columns, random_codes(rows * 128), kernels_->multiply_wide);
      expect_product(panel, rows, kernels_->panel_columns, std::vector<std::uint8_t>(rows * 128, 127), kernels_->multiply_wide);
      expect_product(panel, rows, kernels_->panel_columns, std::vector<std::uint8_t>(rows * 128, 1), kernels_->multiply_wide);
    }
  }
}

TEST_P(Int8KernelsOfLevel, MultiplyIsExactAtTheBoundOfItsSums) {
  const Panel panel = make_panel(256, largest_small_code);
  expect_product(panel, 5, kernels_->panel_columns, std::vector<std::uint8_t>(5 * 256, 127), kernels_->multiply);
  expect_product(panel, 5, kernels_->panel_columns, std::vector<std::uint8_t>(5 * 256, 1), kernels_->multiply);
}

struct Quantized {
  std::vector<std::uint8_t> codes;
  std::vector<float> steps;
};

struct Case {
  std::size_t inputs;
  std::size_t rotation_block;
};

Quantized quantize(const Int8Kernels& kernels, const Case& shape, const std::vector<float>& factors,
                   const std::vector<float>& input, float static_step, int limit) {
  const std::size_t rows = input.size() / shape.inputs;
  const std::size_t padded = (shape.inputs + 7) / 8 * 8;
  Quantized result{std::vector<std::uint8_t>(rows * padded), std::vector<float>(rows)};
  AlignedArray<float> scratch(shape.inputs);
  kernels.quantize_rows({rows, shape.inputs, padded, input.data(), factors.data(), shape.rotation_block, static_step, limit,
                         limit == 63 ? 64 : 0, scratch.data(), result.codes.data(), result.steps.data()});
  return result;
}

constexpr Case kCases[] = {{384, 128}, {1536, 128}, {64, 64}, {96, 32}, {48, 16}, {40, 8},
                           {20, 4},    {22, 2},     {384, 0}, {7, 0},   {33, 1}};

TEST_P(Int8KernelsOfLevel, QuantizeRowsToTheNearestCode) {
  for (const Case& shape : kCases) {
    for (const float static_step : {0.0F, 0.05F}) {
      std::vector<float> input(5 * shape.inputs);
      std::normal_distribution<float> value;
      for (float& x : input) x = value(generator_);
      std::fill_n(input.begin(), shape.inputs, 0.0F);  // a row of zeros has codes of zero
      InputTransform transform{std::vector<float>(shape.inputs), shape.rotation_block};
      for (float& factor : transform.factors) factor = (generator_() & 1) != 0 ? 1.25F : -0.5F;
      const Quantized found = quantize(*kernels_, shape, transform.factors, input, static_step, 63);
      std::vector<float> expected = input;
      transform_inputs(transform, 5, shape.inputs, expected.data());
      for (std::size_t row = 0; row < 5; ++row) {
        const float* x = expected.data() + row * shape.inputs;
        const std::uint8_t* codes = found.codes.data() + row * ((shape.inputs + 7) / 8 * 8);
        float largest = 0;
        for (std::size_t i = 0; i < shape.inputs; ++i) largest = std::max(largest, std::abs(x[i]));
        const float step = static_step > 0 ? static_step : largest / 63;
        ASSERT_NEAR(found.steps[row], step, step * 1e-5) << shape.inputs << " row " << row;
        for (std::size_t i = 0; i < shape.inputs; ++i) {
          const float wanted = step > 0 ? std::clamp(x[i] / step, -63.0F, 63.0F) : 0.0F;
          ASSERT_NEAR(codes[i] - 64, wanted, 0.5001) << shape.inputs << " row " << row << " input " << i;
        }
      }
    }
  }
}

TEST_P(Int8KernelsOfLevel, QuantizeToTheBitAsThePortableLevel) {
  for (const Case& shape : kCases) {
    for (const int limit : {63, 127}) {
      std::vector<float> input(9 * shape.inputs);
      std::student_t_distribution<float> value(3);
      for (float& x : input) x = value(generator_);
      std::vector<float> factors(shape.inputs);
      for (float& factor : factors) factor = value(generator_);
      const Quantized found = quantize(*kernels_, shape, factors, input, 0, limit);
      const Quantized portable = quantize(int8_kernels_for(CpuLevel::kPortable), shape, factors, input, 0, limit);
      ASSERT_EQ(found.codes, portable.codes) << shape.inputs;
      ASSERT_EQ(found.steps, portable.steps) << shape.inputs;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllLevels, Int8KernelsOfLevel, testing::ValuesIn(all_tables()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace orthant
