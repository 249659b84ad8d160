#include "index/residual_quantizer.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/learned_quantizer.h"
#include "index/prepared_query.h"
#include "index/rotated_quantizer.h"
#include "tests/index/brute_force.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

const std::atomic<bool> kGoOn = false;

struct Codes {
  std::vector<std::uint8_t> bits;
  std::vector<float> scales;
};

Codes encode(const BinaryQuantizer& quantizer, std::span<const float> rows, std::size_t dim) {
  const std::size_t count = rows.size() / dim;
  Codes codes = {std::vector<std::uint8_t>(count * quantizer.code_bytes()),
                 std::vector<float>(quantizer.has_row_scales() ? count : 0)};
  quantizer.encode(rows, codes.bits, codes.scales);
  return codes;
}

// The contract in double precision: scale * (sum of weight * sign) + constant.
double estimate(const BinaryQuantizer& quantizer, const CodeQuery& query, const Codes& codes, std::size_t row) {
  const std::uint8_t* code = codes.bits.data() + row * quantizer.code_bytes();
  double sum = 0;
  for (std::size_t i = 0; i < query.weights.size(); ++i) {
    const bool set = (code[i / 8] >> (7 - i % 8) & 1) != 0;
    sum += set ? query.weights[i] : -double{query.weights[i]};
  }
  return (codes.scales.empty() ? 1.0 : codes.scales[row]) * sum + query.constant;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

std::vector<float> unit_rows(std::size_t count, std::size_t dim, std::mt19937_64& random) {
  std::vector<float> rows = test::clustered_rows(count, dim, random);
  for (std::size_t row = 0; row < count; ++row) normalize(std::span(rows).subspan(row * dim, dim));
  return rows;
}

IndexConfig config_of(BinaryCodes codes, unsigned bits, std::size_t dim, Metric metric = Metric::kCosine) {
  IndexConfig config;
  config.dim = dim;
  config.metric = metric;
  config.binary_codes = codes;
  config.code_bits = bits;
  return config;
}

TEST(LevelCodes, AddUpToTheirLevels) {
  std::mt19937_64 random(test::random_seed());
  for (unsigned bits : {1u, 2u, 4u}) {
    for (std::size_t dim : {1u, 8u, 13u}) {
      std::vector<std::int8_t> levels(dim);
      std::vector<float> weights(dim);
      double expected = 0;
      for (std::size_t i = 0; i < dim; ++i) {
        levels[i] = static_cast<std::int8_t>(2 * static_cast<int>(random() % (1u << bits)) - largest_level(bits));
        weights[i] = static_cast<float>(random() % 100);
        expected += weights[i] * levels[i];
      }
      std::vector<std::uint8_t> code(level_code_bytes(dim, bits));
      write_level_code(levels, bits, code);
      const std::vector<float> planes = plane_weights(weights, bits);
      double sum = 0;
      for (std::size_t i = 0; i < planes.size(); ++i) sum += ((code[i / 8] >> (7 - i % 8) & 1) != 0 ? 1 : -1) * planes[i];
      EXPECT_EQ(sum, expected);
    }
  }
}

TEST(LevelCodes, TakeTheNearestOddLevel) {
  for (float value = -20; value < 20; value += 0.37f) {
    for (int largest : {1, 3, 15}) {
      const int level = nearest_level(value, 1, largest);
      for (int other = -largest; other <= largest; other += 2) {
        ASSERT_LE(std::fabs(value - static_cast<float>(level)), std::fabs(value - static_cast<float>(other)) + 1e-5f) << value;
      }
    }
  }
}

// RaBitQ's theorem: over random rotations the mean error is zero, and its standard deviation is what the query says.
TEST(RotatedQuantizer, EstimatesWithoutBiasAndWithinItsBound) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 150;
  constexpr std::size_t kRows = 40;
  constexpr int kRotations = 40;
  const std::vector<float> rows = test::clustered_rows(kRows, kDim, random);
  const std::vector<float> query = test::clustered_rows(1, kDim, random);
  for (unsigned bits : {1u, 2u, 4u}) {
    double sum = 0, squares = 0, outside = 0;
    for (int i = 0; i < kRotations; ++i) {
      ResidualCoding coding{.dim = kDim,
                            .bits = bits,
                            .relative_error = random_rotation_error(bits),
                            .centre = std::vector<float>(kDim),
                            .trained = true};
      const RotatedQuantizer quantizer(std::move(coding), random());
      const Codes codes = encode(quantizer, rows, kDim);
      const CodeQuery prepared = quantizer.code_query(query);
      for (std::size_t row = 0; row < kRows; ++row) {
        const double exact = -dot(query, std::span(rows).subspan(row * kDim, kDim));
        const double error = (estimate(quantizer, prepared, codes, row) - exact) / (codes.scales[row] * prepared.error);
        sum += error;
        squares += error * error;
        outside += std::fabs(error) > 3 ? 1 : 0;
      }
    }
    const double count = kRotations * kRows;
    EXPECT_LT(std::fabs(sum / count), 5 / std::sqrt(count)) << bits;
    // Clustered rows have much of their direction in common with the query: what is left for errors is less than all of it.
    EXPECT_LT(std::sqrt(squares / count), 1.15) << bits;
    EXPECT_GT(std::sqrt(squares / count), 0.4) << bits;
    EXPECT_LT(outside / count, 0.01) << bits;
  }
}

TEST(LearnedQuantizer, EstimatesWithinTheErrorMeasuredInTraining) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 64;
  const std::vector<float> sample = unit_rows(2'000, kDim, random);
  const std::vector<float> rows = unit_rows(300, kDim, random);
  const std::vector<float> queries = unit_rows(30, kDim, random);
  for (Metric metric : {Metric::kCosine, Metric::kDot}) {
    for (unsigned bits : {1u, 2u, 4u}) {
      const auto quantizer =
          train_binary_quantizer(config_of(BinaryCodes::kLearned, bits, kDim, metric), sample, 1, nullptr, kGoOn).value();
      ASSERT_EQ(quantizer->name(), "learned");
      EXPECT_EQ(quantizer->has_row_scales(), metric == Metric::kDot);
      const Codes codes = encode(*quantizer, rows, kDim);
      double sum = 0, squares = 0, count = 0;
      for (std::size_t query = 0; query < 30; ++query) {
        const auto vector = std::span(queries).subspan(query * kDim, kDim);
        const CodeQuery prepared = quantizer->code_query(vector);
        for (std::size_t row = 0; row < 300; ++row) {
          const double exact = -dot(vector, std::span(rows).subspan(row * kDim, kDim));
          const double scale = codes.scales.empty() ? 1.0 : codes.scales[row];
          const double error = (estimate(*quantizer, prepared, codes, row) - exact) / (scale * prepared.error);
          sum += error;
          squares += error * error;
          ++count;
        }
      }
      EXPECT_LT(std::fabs(sum / count), 0.15) << bits;
      EXPECT_LT(std::sqrt(squares / count), 1.5) << bits;
      EXPECT_GT(std::sqrt(squares / count), 0.5) << bits;
    }
  }
}

double mean_squared_error(const BinaryQuantizer& quantizer, std::span<const float> rows, std::span<const float> queries,
                          std::size_t dim) {
  const Codes codes = encode(quantizer, rows, dim);
  double squares = 0;
  for (std::size_t query = 0; query < queries.size() / dim; ++query) {
    const auto vector = queries.subspan(query * dim, dim);
    const CodeQuery prepared = quantizer.code_query(vector);
    for (std::size_t row = 0; row < rows.size() / dim; ++row) {
      squares += std::pow(estimate(quantizer, prepared, codes, row) + dot(vector, rows.subspan(row * dim, dim)), 2);
    }
  }
  return squares;
}

TEST(BinaryQuantizers, ErrLessTheMoreTheyKnowAndTheMoreBitsTheyHave) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 96;
  std::vector<float> all = test::clustered_rows(2'300, kDim, random);
  for (float& value : all) value += 2;  // a mean that signs cannot tell from the rest
  for (std::size_t row = 0; row < 2'300; ++row) normalize(std::span(all).subspan(row * kDim, kDim));
  const auto sample = std::span(all).first(2'000 * kDim);
  const auto rows = std::span(all).subspan(2'000 * kDim, 280 * kDim);
  const auto queries = std::span(all).last(20 * kDim);
  const auto error_of = [&](BinaryCodes codes, unsigned bits) {
    return mean_squared_error(*train_binary_quantizer(config_of(codes, bits, kDim), sample, 1, nullptr, kGoOn).value(), rows,
                              queries, kDim);
  };
  EXPECT_LT(2 * error_of(BinaryCodes::kRotated, 1), error_of(BinaryCodes::kSign, 1));
  EXPECT_LT(1.1 * error_of(BinaryCodes::kLearned, 1), error_of(BinaryCodes::kRotated, 1));
  for (BinaryCodes codes : {BinaryCodes::kRotated, BinaryCodes::kLearned}) {
    EXPECT_LT(2 * error_of(codes, 2), error_of(codes, 1));
    EXPECT_LT(5 * error_of(codes, 4), error_of(codes, 2));
  }
}

TEST(LearnedQuantizer, RotatesWithoutChangingDotProducts) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {3u, 17u, 50u}) {
    const std::vector<float> sample = unit_rows(400, dim, random);
    const auto quantizer = train_learned_quantizer(config_of(BinaryCodes::kLearned, 1, dim), sample, 7, nullptr, kGoOn);
    EXPECT_LT(orthonormality_error(quantizer->rotation(), nullptr), 1e-4f) << dim;
  }
}

// Rows of a plane leave most of the rotation open.
TEST(LearnedQuantizer, StandsRowsThatDoNotSpanTheSpace) {
  std::mt19937_64 random(test::random_seed());
  std::vector<float> sample(500 * 40);
  for (std::size_t row = 0; row < 500; ++row) {
    const float angle = static_cast<float>(random() % 1'000) / 159;
    sample[row * 40] = std::cos(angle);
    sample[row * 40 + 1] = std::sin(angle);
  }
  const auto quantizer = train_learned_quantizer(config_of(BinaryCodes::kLearned, 1, 40), sample, 7, nullptr, kGoOn);
  EXPECT_LT(orthonormality_error(quantizer->rotation(), nullptr), 1e-3f);
  const auto constant =
      train_binary_quantizer(config_of(BinaryCodes::kLearned, 1, 40), std::vector<float>(500 * 40, 0.1f), 7, nullptr, kGoOn);
  const Codes codes = encode(**constant, std::span(sample).first(40), 40);
  EXPECT_TRUE(std::isfinite(estimate(**constant, (*constant)->code_query(std::span(sample).first(40)), codes, 0)));
}

TEST(BinaryQuantizers, TrainTheSameFromTheSameSeedWhateverThePool) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<float> sample = unit_rows(600, 48, random);
  ThreadPool pool("test", 2, 16);
  for (BinaryCodes codes : {BinaryCodes::kRotated, BinaryCodes::kLearned}) {
    const IndexConfig config = config_of(codes, 1, 48);
    const auto train = [&](std::uint64_t seed, ThreadPool* threads) {
      return train_binary_quantizer(config, sample, seed, threads, kGoOn).value()->parameters();
    };
    EXPECT_EQ(train(3, nullptr), train(3, &pool));
    EXPECT_NE(train(3, nullptr), train(4, nullptr));
  }
}

TEST(BinaryQuantizers, EncodeABatchAsRowByRowAndComeBackFromTheirParameters) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {1u, 5u, 64u, 77u}) {
    const std::vector<float> sample = unit_rows(250, dim, random);
    for (BinaryCodes codes : {BinaryCodes::kSign, BinaryCodes::kRotated, BinaryCodes::kLearned}) {
      for (unsigned bits : {1u, 2u, 4u}) {
        if (codes == BinaryCodes::kSign && bits > 1) continue;
        const IndexConfig config = config_of(codes, bits, dim, bits == 2 ? Metric::kEuclid : Metric::kCosine);
        const auto quantizer = train_binary_quantizer(config, sample, 1, nullptr, kGoOn).value();
        const auto restored = restore_binary_quantizer(config, quantizer->name(), quantizer->parameters());
        ASSERT_TRUE(restored.has_value()) << quantizer->name();
        const Codes batch = encode(*quantizer, sample, dim);
        const Codes again = encode(**restored, sample, dim);
        EXPECT_EQ(batch.bits, again.bits);
        EXPECT_EQ(batch.scales, again.scales);
        for (std::size_t row = 0; row < 250; row += 41) {
          const Codes single = encode(*quantizer, std::span(sample).subspan(row * dim, dim), dim);
          const std::size_t bytes = quantizer->code_bytes();
          EXPECT_TRUE(std::ranges::equal(single.bits, std::span(batch.bits).subspan(row * bytes, bytes)))
              << quantizer->name() << dim;
        }
      }
    }
  }
}

TEST(BinaryQuantizers, RefuseParametersThatAreNotTheirs) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<float> sample = unit_rows(200, 12, random);
  const IndexConfig config = config_of(BinaryCodes::kLearned, 1, 12);
  const std::string parameters = train_binary_quantizer(config, sample, 1, nullptr, kGoOn).value()->parameters();
  const auto refused = [&](const IndexConfig& other, std::string_view name, std::string_view bytes) {
    const auto restored = restore_binary_quantizer(other, name, bytes);
    return !restored && restored.error().code == ErrorCode::kDataCorruption;
  };
  EXPECT_TRUE(refused(config, "rotated", parameters));
  EXPECT_TRUE(refused(config, "unheard of", parameters));
  EXPECT_TRUE(refused(config, "sign", parameters));
  EXPECT_TRUE(refused(config, "learned", std::string_view(parameters).substr(1)));
  EXPECT_TRUE(refused(config_of(BinaryCodes::kLearned, 2, 12), "learned", parameters));
  EXPECT_TRUE(refused(config_of(BinaryCodes::kLearned, 1, 13), "learned", parameters));
  std::string not_a_number = parameters;
  std::ranges::fill(not_a_number.end() - 4, not_a_number.end(), '\xff');
  EXPECT_TRUE(refused(config, "learned", not_a_number));
}

TEST(BinaryQuantizers, FallBackToARandomRotationInLargeDimensions) {
  EXPECT_EQ(trained_codes(config_of(BinaryCodes::kAuto, 1, kLargestLearnedDim)), BinaryCodes::kLearned);
  EXPECT_EQ(trained_codes(config_of(BinaryCodes::kLearned, 1, kLargestLearnedDim + 1)), BinaryCodes::kRotated);
  EXPECT_EQ(trained_codes(config_of(BinaryCodes::kAuto, 1, 100, Metric::kManhattan)), BinaryCodes::kSign);
}

// Rows of 200 dimensions whose energy lies in `wide` of them.
std::vector<float> narrow_rows(std::size_t count, std::size_t wide, std::mt19937_64& random) {
  std::vector<float> rows = test::clustered_rows(count, 200, random);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] *= i % 200 < wide ? 1.0f : 0.1f;
  for (std::size_t row = 0; row < count; ++row) normalize(std::span(rows).subspan(row * 200, 200));
  return rows;
}

TEST(LearnedQuantizer, KeepsForScansTheDimensionsThatTellMost) {
  std::mt19937_64 random(test::sample_seed());
  const std::vector<float> sample = narrow_rows(2'000, 70, random);
  const std::vector<float> rows = narrow_rows(300, 70, random);
  const std::vector<float> queries = narrow_rows(20, 70, random);
  for (Metric metric : {Metric::kCosine, Metric::kDot}) {
    const IndexConfig config = config_of(BinaryCodes::kLearned, 1, 200, metric);
    const auto whole = train_binary_quantizer(config, sample, 1, nullptr, kGoOn).value();
    const auto small = train_binary_quantizer(config, sample, 1, nullptr, kGoOn, CodeLength::kForScans).value();
    EXPECT_EQ(whole->code_bytes(), 25U);
    ASSERT_EQ(small->code_bytes(), 12U);
    EXPECT_EQ(small->code_query(std::span(queries).first(200)).weights.size(), 96U);
    const auto restored = restore_binary_quantizer(config, "learned", small->parameters()).value();
    EXPECT_EQ(encode(*small, rows, 200).bits, encode(*restored, rows, 200).bits);
    EXPECT_LT(mean_squared_error(*small, rows, queries, 200), 4 * mean_squared_error(*whole, rows, queries, 200));
    EXPECT_EQ(small->hamming_tables(std::span(rows).first(200)).largest_sum, 96U);
  }
}

TEST(LearnedQuantizer, KeepsAllDimensionsWhereFewerWouldTellTooLittle) {
  std::mt19937_64 random(test::sample_seed());
  const auto length = [](std::size_t dim, const std::vector<float>& sample) {
    const IndexConfig config = config_of(BinaryCodes::kAuto, 1, dim);
    return train_binary_quantizer(config, sample, 1, nullptr, kGoOn, CodeLength::kForScans).value()->code_bytes();
  };
  std::normal_distribution<float> normal;
  std::vector<float> spread(1'000 * 200);
  for (float& value : spread) value = normal(random);
  EXPECT_EQ(length(200, spread), 25U);
  EXPECT_EQ(length(100, unit_rows(1'000, 100, random)), 13U);  // half of them are less than a group of the scan's sums
}

TEST(BinaryQuantizers, StopTrainingWhenAsked) {
  const std::atomic<bool> stop = true;
  const std::vector<float> sample(300 * 8, 0.5f);
  const auto stopped = train_binary_quantizer(config_of(BinaryCodes::kLearned, 1, 8), sample, 1, nullptr, stop);
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace orthant
