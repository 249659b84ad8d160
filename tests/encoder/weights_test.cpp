// --weights at load: what each precision costs in memory and keeps of the embeddings, and what config.json decides.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/encoder.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "models";

Result<std::unique_ptr<Encoder>> load(const fs::path& folder, WeightPrecision weights) {
  return Encoder::load(folder, {.name = "", .max_seq_length = 0, .weights = weights});
}

double least_cosine(const EmbeddingMatrix& a, const EmbeddingMatrix& b) {
  double least = 1;
  for (std::size_t row = 0; row < a.rows; ++row) {
    double dot = 0;
    double squares[2] = {};
    for (std::size_t i = 0; i < a.dim; ++i) {
      const double x = a.row(row)[i];
      const double y = b.row(row)[i];
      dot += x * y;
      squares[0] += x * x;
      squares[1] += y * y;
    }
    least = std::min(least, dot / std::sqrt(squares[0] * squares[1]));
  }
  return least;
}

TEST(Weights, KeepTheEmbeddingsAndShrinkTheModel) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  struct Case {
    WeightPrecision precision;
    double least_cosine;
    double linear_share;  // of the linear layers' bytes in float32
  };
  constexpr Case kCases[] = {{WeightPrecision::kBfloat16, 0.9995, 0.5},
                             {WeightPrecision::kFloat16, 0.99999, 0.5},
                             {WeightPrecision::kInt8, 0.995, 0.26},
                             {WeightPrecision::kInt4, 0.85, 0.16},
                             {WeightPrecision::kNf4, 0.85, 0.135}};
  const std::vector<std::string_view> texts = {"The cat sleeps on the sofa.", "stock prices", "",
                                               "A recipe for tomato soup with basil, garlic and a little cream for eight people."};
  const auto reference = load(test::default_model_dir(), WeightPrecision::kAuto).value();
  EXPECT_EQ(reference->info().weight_precision, "float32");
  EXPECT_EQ(reference->info().weight_compute, "float32");
  const EmbeddingMatrix expected = reference->encode(texts, {})->embeddings;
  constexpr double kLinearBytes = 6 * 12.0 * 384 * 384 * 4;
  for (const Case& wanted : kCases) {
    const auto encoder = load(test::default_model_dir(), wanted.precision).value();
    EXPECT_EQ(encoder->info().weight_precision, weight_precision_name(wanted.precision));
    EXPECT_EQ(encoder->info().model_sha256, reference->info().model_sha256);
    EXPECT_GE(least_cosine(encoder->encode(texts, {})->embeddings, expected), wanted.least_cosine)
        << encoder->info().weight_precision;
    const double saved = static_cast<double>(reference->info().memory_bytes - encoder->info().memory_bytes);
    EXPECT_NEAR(1 - saved / kLinearBytes, wanted.linear_share, 0.02) << encoder->info().weight_precision;
  }
}

TEST(Weights, FollowTheTypeThatConfigJsonStates) {
  test::TemporaryDirectory directory;
  const fs::path folder = directory.path() / "model";
  fs::copy(kModels / "cls", folder, fs::copy_options::recursive);
  std::ifstream in(kModels / "cls" / "config.json");
  const std::string config((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::string stated = R"("dtype": "float32")";
  for (const auto& [text, precision] : {std::pair(R"("dtype": "bfloat16")", "bfloat16"),
                                        std::pair(R"("torch_dtype": "float16")", "float16"), std::pair(R"("x": 1)", "float32")}) {
    std::string changed = config;
    changed.replace(changed.find(stated), stated.size(), text);
    std::ofstream(folder / "config.json", std::ios::trunc) << changed;
    EXPECT_EQ(load(folder, WeightPrecision::kAuto).value()->info().weight_precision, precision);
    EXPECT_EQ(load(folder, WeightPrecision::kFloat32).value()->info().weight_precision, "float32");
  }
}

TEST(Weights, AreMixedOnlyWhereAFolderHoldsAPlan) {
  const auto mixed = load(kModels / "cls", WeightPrecision::kMixed);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(mixed.error().message.find("holds no plan of precisions"), std::string::npos) << mixed.error().message;
}

}  // namespace
}  // namespace orthant
