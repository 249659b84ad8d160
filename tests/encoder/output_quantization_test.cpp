#include "encoder/output_quantization.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/npy.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr OutputPrecision kSmallPrecisions[] = {OutputPrecision::kInt8, OutputPrecision::kUint8, OutputPrecision::kBinary,
                                                OutputPrecision::kUbinary};

EmbeddingMatrix read_matrix(const std::filesystem::path& file) {
  auto matrix = read_npy_floats(file);
  EXPECT_TRUE(matrix) << matrix.error().message;
  return {matrix->rows, matrix->columns, std::move(matrix->values)};
}

QuantizationRanges read_ranges(const std::filesystem::path& file) {
  const EmbeddingMatrix matrix = read_matrix(file);
  EXPECT_EQ(matrix.rows, 2u);
  return {{matrix.row(0).begin(), matrix.row(0).end()}, {matrix.row(1).begin(), matrix.row(1).end()}};
}

std::vector<std::filesystem::path> golden_cases() {
  const auto folder = std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "quantization";
  std::vector<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) cases.push_back(entry.path());
  return cases;
}

TEST(OutputQuantization, GivesTheBytesOfSentenceTransformers) {
  ASSERT_EQ(golden_cases().size(), 4u);
  for (const auto& folder : golden_cases()) {
    const EmbeddingMatrix embeddings = read_matrix(folder / "embeddings.npy");
    const QuantizationRanges ranges = read_ranges(folder / "ranges.npy");
    for (const OutputPrecision precision : kSmallPrecisions) {
      SCOPED_TRACE(folder.filename().string() + " " + std::string(output_precision_name(precision)));
      const auto expected = read_npy(folder / (std::string(output_precision_name(precision)) + ".npy"));
      ASSERT_TRUE(expected) << expected.error().message;
      const auto bytes = quantize_embeddings(embeddings, precision, ranges);
      ASSERT_TRUE(bytes) << bytes.error().message;
      EXPECT_EQ(output_row_bytes(precision, embeddings.dim), expected->columns);
      EXPECT_EQ(*bytes, expected->bytes);
    }
  }
}

TEST(OutputQuantization, FindsTheRangesOfSentenceTransformers) {
  std::size_t calibrated = 0;
  for (const auto& folder : golden_cases()) {
    if (!std::filesystem::exists(folder / "calibration.npy")) continue;
    const auto ranges = ranges_of(read_matrix(folder / "calibration.npy"));
    ASSERT_TRUE(ranges) << ranges.error().message;
    EXPECT_EQ(ranges->minima, read_ranges(folder / "ranges.npy").minima);
    EXPECT_EQ(ranges->maxima, read_ranges(folder / "ranges.npy").maxima);
    ++calibrated;
  }
  EXPECT_EQ(calibrated, 1u);
}

// Against the definition, word for word, for dimensions around the sizes that loops are unrolled by.
TEST(OutputQuantization, EqualsTheDefinitionForEveryDimension) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(test::random_seed()));
  std::normal_distribution<float> normal;
  for (std::size_t dim = 1; dim <= 140; ++dim) {
    EmbeddingMatrix embeddings{3, dim, std::vector<float>(3 * dim)};
    for (float& value : embeddings.values) value = random() % 9 == 0 ? 0.0f : normal(random);
    const QuantizationRanges ranges{std::vector<float>(dim, -1.5f), std::vector<float>(dim, 1.25f)};
    const auto levels = *quantize_embeddings(embeddings, OutputPrecision::kUint8, ranges);
    const auto bits = *quantize_embeddings(embeddings, OutputPrecision::kUbinary, std::nullopt);
    const std::size_t row_bytes = (dim + 7) / 8;
    ASSERT_EQ(bits.size(), 3 * row_bytes);
    for (std::size_t i = 0; i < 3 * dim; ++i) {
      const float value = embeddings.values[i];
      volatile const float offset = value - -1.5f;  // volatile: each step rounds to float
      volatile const float step = (1.25f - -1.5f) / 255.0f;
      const float level = std::floor(offset / step);
      EXPECT_EQ(levels[i], static_cast<std::uint8_t>(std::clamp(level, 0.0f, 255.0f)));
      const std::size_t dimension = i % dim;
      const int bit = bits[i / dim * row_bytes + dimension / 8] >> (7 - dimension % 8) & 1;
      EXPECT_EQ(bit, value > 0 ? 1 : 0);
    }
    if (dim % 8 != 0) {
      EXPECT_EQ(bits[row_bytes - 1] & ((1 << (8 - dim % 8)) - 1), 0) << "padding of " << dim;
    }
  }
}

TEST(OutputQuantization, KeepsFloatsAsTheyAre) {
  const EmbeddingMatrix embeddings{1, 3, {0.25f, -0.0f, 3e38f}};
  const auto bytes = quantize_embeddings(embeddings, OutputPrecision::kFloat32, std::nullopt);
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), 12u);
  EXPECT_EQ(std::memcmp(bytes->data(), embeddings.values.data(), 12), 0);
}

TEST(OutputQuantization, GivesNothingForNoRows) {
  const QuantizationRanges ranges{{0, 0}, {1, 1}};
  for (const OutputPrecision precision : kSmallPrecisions) {
    const auto bytes = quantize_embeddings({0, 2, {}}, precision, ranges);
    ASSERT_TRUE(bytes);
    EXPECT_TRUE(bytes->empty());
  }
}

TEST(OutputQuantization, RefusesMissingAndMisshapenRanges) {
  const EmbeddingMatrix embeddings{1, 3, {1, 2, 3}};
  for (const OutputPrecision precision : {OutputPrecision::kInt8, OutputPrecision::kUint8}) {
    EXPECT_EQ(quantize_embeddings(embeddings, precision, std::nullopt).error().code, ErrorCode::kInvalidArgument);
    const QuantizationRanges short_minima{{0, 0}, {1, 1, 1}};
    const auto refused = quantize_embeddings(embeddings, precision, short_minima);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("2 minima and 3 maxima, expected 3"), std::string::npos) << refused.error().message;
  }
  EXPECT_EQ(ranges_of({1, 3, {1, 2, 3}}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ranges_of({0, 3, {}}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant
