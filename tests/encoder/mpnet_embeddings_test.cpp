// A whole model of another family than the default one: all-mpnet-base-v2 (12 layers, relative positions), where it is in the
// cache.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "encoder/encoder.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "embeddings";

TEST(MpnetBase, GivesTheEmbeddingsOfSentenceTransformers) {
  const fs::path folder = test::model_dir("all-mpnet-base-v2");
  if (folder.empty()) GTEST_SKIP() << "needs all-mpnet-base-v2, which is not in the cache (orthant fetch-model all-mpnet-base-v2)";
  const auto encoder = Encoder::load(folder, {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  simdjson::dom::parser parser;
  std::vector<std::string> texts;
  for (simdjson::dom::element text : parser.load((kGolden / "texts.json").string()).get_array()) {
    texts.emplace_back(text.get_string().value());
  }
  const auto expected = read_npy_floats(kGolden / "all-mpnet-base-v2.npy");
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  ASSERT_EQ(expected->rows, texts.size());
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto encoded = (*encoder)->encode(views, {});
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
  double least = 1;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    double product = 0;
    double worst = 0;
    for (std::size_t i = 0; i < 768; ++i) {
      const double found = encoded->embeddings.row(row)[i];
      product += found * expected->values[row * 768 + i];
      worst = std::max(worst, std::abs(found - expected->values[row * 768 + i]));
    }
    EXPECT_GE(product, 0.999999) << texts[row];
    EXPECT_LE(worst, 5e-6) << texts[row];
    least = std::min(least, product);
  }
  RecordProperty("least_cosine", std::to_string(least));
}

}  // namespace
}  // namespace orthant
