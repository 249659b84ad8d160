// Every recipe that is shipped runs from its first to its last stage, on a tiny model and a few examples: what it asks for exists
// and fits together.

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <zstd.h>

#include "api/train/recipe.h"
#include "api/train/recipe_run.h"
#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = fs::path(ORTHANT_SOURCE_DIR) / "tests/encoder/golden/models/default_prompt";
constexpr std::size_t kExamples = 48;

std::vector<std::string> recipes() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(ORTHANT_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string word(std::size_t i) {
  static const std::vector<std::string> words = {"river", "bridge", "stone", "cold", "water", "night", "quick", "slow"};
  return words[i % words.size()];
}

std::string query(std::size_t i) {
  return word(i) + " " + word(i / 8) + " the";
}

std::string document(std::size_t i) {
  return word(i) + " and a " + word(i / 8) + " .";
}

void write(const fs::path& file, const std::string& content) {
  fs::create_directories(file.parent_path());
  ASSERT_TRUE(write_whole_file(file, content).has_value());
}

void write_retrieval_set(const fs::path& folder) {
  std::string corpus;
  std::string queries;
  std::string judgements = "query-id\tcorpus-id\tscore\n";
  for (std::size_t i = 0; i < kExamples; ++i) {
    const std::string id = std::to_string(i);
    corpus += "{\"_id\": \"d" + id + "\", \"title\": \"\", \"text\": \"" + document(i) + "\"}\n";
    queries += "{\"_id\": \"q" + id + "\", \"text\": \"" + query(i) + "\"}\n";
    judgements += "q" + id + "\td" + id + "\t1\n";
  }
  write(folder / "corpus.jsonl", corpus);
  write(folder / "queries.jsonl", queries);
  write(folder / "qrels" / "train.tsv", judgements);
}

void write_packed(const fs::path& file, const std::string& content) {
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 1));
  write(file, packed);
}

// The data that the recipes name, with the names and formats that they have.
void write_data(const fs::path& folder) {
  write_retrieval_set(folder / "scifact");
  write_retrieval_set(folder / "medquad");
  std::string pairs;
  std::string labels = "sentence\tlabel\n";
  for (std::size_t i = 0; i < kExamples; ++i) {
    pairs += "{\"query\": \"" + query(i) + "\", \"positive\": \"" + document(i) + "\"}\n";
    labels += document(i) + "\t" + (i % 2 == 0 ? "0" : "1") + "\n";
  }
  write_packed(folder / "reddit-pairs.jsonl.zst", pairs);
  write(folder / "sst2" / "train.tsv", labels);
  write(folder / "sst2" / "dev.tsv", labels);
}

// The recipe, but for lengths that the tiny model does not have: it has 32 positions.
void write_recipe(const std::string& name, const fs::path& file) {
  std::string text = read_whole_file(fs::path(ORTHANT_SOURCE_DIR) / "recipes" / (name + ".yaml")).value();
  const std::string length = "max_seq_length: 64";
  for (std::size_t at = text.find(length); at != std::string::npos; at = text.find(length)) {
    text.replace(at, length.size(), "max_seq_length: 32");
  }
  write(file, text);
}

class ShippedRecipes : public testing::TestWithParam<std::string> {};

TEST_P(ShippedRecipes, RunToTheirEnd) {
  const test::TemporaryDirectory directory;
  write_data(directory.path() / "data");
  RecipeArguments arguments;
  arguments.recipe = (directory.path() / "recipe.yaml").string();
  write_recipe(GetParam(), arguments.recipe);
  arguments.data_folder = (directory.path() / "data").string();
  arguments.model = kModel.string();
  arguments.output = (directory.path() / "out").string();
  arguments.max_steps = 2;
  testing::internal::CaptureStdout();
  const auto code = run_recipe(arguments);
  const std::string said = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(code.has_value()) << code.error().message << '\n' << said;
  EXPECT_EQ(*code, 0) << said;
  const fs::path output = arguments.output;
  const auto recipe = read_recipe(arguments.recipe, arguments.data_folder);
  EXPECT_EQ(fs::exists(output / "stage-1"), recipe->stages.size() > 1);
  for (const char* file : {"metrics.jsonl", "curves.svg", "best.safetensors"}) EXPECT_TRUE(fs::exists(output / file)) << file;
  EXPECT_NE(said.find("dev after:"), std::string::npos) << said;
  const TrainingOptions& last = recipe->stages.back().options;
  const bool integers = last.weights == WeightPrecision::kInt8 || last.weights == WeightPrecision::kInt4;
  EXPECT_EQ(fs::exists(output / "quantized"), integers && last.conversion.wanted);
  for (const char* folder : {"model", "quantized"}) {
    if (!fs::exists(output / folder)) continue;
    const auto encoder = Encoder::load(output / folder, {});
    ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
    const std::vector<std::string_view> texts = {"the river"};
    EXPECT_TRUE((*encoder)->encode(texts, {}).has_value());
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShippedRecipes, testing::ValuesIn(recipes()), [](const auto& recipe) {
  std::string name = recipe.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace orthant
