// Recipes, and the data that they name: what is read, and what is said about slips.

#include "api/train/recipe.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/train/training_curves.h"
#include "api/train/training_sources.h"
#include "base/whole_file.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

class Recipes : public testing::Test {
 protected:
  Result<Recipe> read(const std::string& text) {
    const fs::path file = directory_.path() / "recipe.yaml";
    EXPECT_TRUE(write_whole_file(file, text).has_value());
    return read_recipe(file, directory_.path());
  }
  // Without the folder's name.
  std::string error_of(const std::string& text) {
    const auto recipe = read(text);
    if (recipe) return "accepted";
    return recipe.error().message.substr(recipe.error().message.find("recipe.yaml"));
  }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(write_whole_file(directory_.path() / name, content).has_value());
  }
  Result<TrainingData> sources(const DataSource& source) {
    return read_sources(std::span(&source, 1), 1, [this](const std::string& line) { told_.push_back(line); });
  }

  test::TemporaryDirectory directory_;
  std::vector<std::string> told_;
};

constexpr const char* kHead = "model: m\ndata: {file: d.jsonl}\n";

TEST_F(Recipes, StagesStateWhatDiffers) {
  const auto recipe = read(std::string(kHead) + R"(
batch_size: 64
loss: {kind: contrastive, forms: {float: 0.5, binary: 2}, lengths: [64, 384]}
stages:
  - {name: float, learning_rate: 1e-5, loss: {forms: {float: 1}}}
  - {seed: 4, train: head, head: {kind: rotation, centre: true}}
)");
  ASSERT_TRUE(recipe.has_value()) << recipe.error().message;
  EXPECT_EQ(recipe->data[0].file, directory_.path() / "d.jsonl");
  ASSERT_EQ(recipe->stages.size(), 2U);
  const TrainingOptions& first = recipe->stages[0].options;
  const TrainingOptions& second = recipe->stages[1].options;
  EXPECT_EQ(recipe->stages[0].name, "float");
  EXPECT_EQ(first.learning_rate, 1e-5);
  EXPECT_EQ(first.batch_size, 64U);
  ASSERT_EQ(first.loss.forms.size(), 1U);
  EXPECT_EQ(first.loss.lengths, (std::vector<std::int64_t>{64, 384}));
  EXPECT_EQ(recipe->stages[1].name, "stage-2");
  EXPECT_EQ(second.seed, 4U);
  EXPECT_FALSE(second.train_transformer);
  EXPECT_TRUE(second.head.centre);
  ASSERT_EQ(second.loss.forms.size(), 2U);
  EXPECT_EQ(second.loss.forms[1].form, SearchForm::kBinary);
  EXPECT_EQ(second.loss.forms[1].weight, 2);
}

TEST_F(Recipes, SayHowAdaptersAreTrainedAndWhatMayBeTaken) {
  const auto recipe = read(std::string(kHead) + R"(
lora: {rank: 4, alpha: 16, dropout: 0, targets: [query, value], base: float32, merge: true}
moments: 8bit
paged_moments: true
memory_budget: 300
stages:
  - {lora: {base: nf4}}
)");
  ASSERT_TRUE(recipe.has_value()) << recipe.error().message;
  const TrainingOptions& options = recipe->stages[0].options;
  EXPECT_EQ(options.lora.rank, 4U);
  EXPECT_EQ(options.lora.alpha, 16);
  EXPECT_EQ(options.lora.dropout, 0);
  EXPECT_EQ(options.lora.targets, (std::vector<std::string>{"query", "value"}));
  EXPECT_EQ(options.lora.base, WeightPrecision::kNf4);
  EXPECT_TRUE(options.lora.merge);
  EXPECT_EQ(options.memory.moments, MomentForm::kDynamic8);
  EXPECT_TRUE(options.memory.paged_moments);
  EXPECT_EQ(options.memory.budget, std::size_t{300} << 20);
  EXPECT_FALSE(read(kHead)->stages[0].options.lora.used());
  EXPECT_TRUE(read(std::string(kHead) + "lora: {}\n")->stages[0].options.lora.used());
  EXPECT_EQ(error_of(std::string(kHead) + "moments: 7bit\n"),
            "recipe.yaml line 3: moments: found \"7bit\", expected moments: found \"7bit\", expected float32 or 8bit");
  EXPECT_EQ(error_of(std::string(kHead) + "lora: {targets: query}\n"),
            "recipe.yaml line 3: lora.targets: found \"query\", expected a list of names");
}

TEST_F(Recipes, WeightsAreRoundedAndConvertedAsTheySay) {
  write("plan.json", R"({"format": "orthant-quantization-plan", "version": 1, "layers": [
    {"layer": "a", "precision": "int4", "parameters": {"group_size": 32}}]})");
  const auto recipe = read(std::string(kHead) + R"(
weights: mixed
quantization: {scales: learned, rotate: false, group_size: 128, grid: symmetric, activations: static, observer: percentile,
               freeze_after: 30, calibration: 50, scale_rate: 0.01, plan: plan.json}
convert: {tolerable_loss: 0.02, step_back: false}
)");
  ASSERT_TRUE(recipe.has_value()) << recipe.error().message;
  const TrainingOptions& options = recipe->stages[0].options;
  EXPECT_EQ(options.weights, WeightPrecision::kMixed);
  EXPECT_TRUE(options.quantization.learned_scales);
  EXPECT_FALSE(options.quantization.scheme.rotate);
  EXPECT_EQ(options.quantization.scheme.group_size, 128U);
  EXPECT_EQ(options.quantization.scheme.int4_scheme, Int4Scheme::kSymmetric);
  EXPECT_EQ(options.quantization.activations, TrainedActivations::kStatic);
  EXPECT_EQ(options.quantization.observer, ActivationObserver::kPercentile);
  EXPECT_EQ(options.quantization.freeze_after, 30U);
  EXPECT_EQ(options.quantization.calibration_texts, 50U);
  EXPECT_EQ(options.quantization.scale_rate, 0.01);
  ASSERT_EQ(options.quantization.plan.size(), 1U);
  EXPECT_EQ(options.quantization.plan[0].first, "a");
  EXPECT_EQ(options.quantization.plan[0].second.group_size, 32U);
  EXPECT_EQ(options.conversion.tolerable_loss, 0.02);
  EXPECT_FALSE(options.conversion.step_back);
}

TEST_F(Recipes, SlipsAreNamedWithTheirLine) {
  const std::string head(kHead);
  EXPECT_EQ(error_of(head + "batch_size: many\n"),
            "recipe.yaml line 3: batch_size: found \"many\", expected a whole number from 0");
  EXPECT_EQ(error_of(head + "batchsize: 3\n").substr(0, 43), "recipe.yaml line 3: batchsize: unknown key,");
  EXPECT_EQ(error_of(head + "loss:\n  kind: triplet\n").substr(0, 59),
            "recipe.yaml line 4: loss.kind: found \"triplet\", expected lo");
  EXPECT_EQ(error_of(head + "loss: {forms: {bits: 1}}\n").substr(0, 31), "recipe.yaml line 3: loss.forms:");
  EXPECT_EQ(error_of("model: m\ndata: {split: train}\n").substr(0, 20), "recipe.yaml line 0: ");
  EXPECT_EQ(error_of("model: m\n"), "recipe.yaml: data: missing");
  EXPECT_EQ(error_of("model: [\n").substr(0, 16), "recipe.yaml line");
  EXPECT_EQ(error_of(head + "quantization: {group_size: 48}\n"),
            "recipe.yaml line 3: quantization.group_size: found \"48\", expected 32, 64 or 128");
  EXPECT_EQ(error_of(head + "stages: 3\n").substr(0, 27), "recipe.yaml line 3: stages:");
  EXPECT_EQ(error_of(head + "model: n\n"), "recipe.yaml line 3: model: the key stands there twice");
  EXPECT_EQ(error_of(head + "loss: {kind: bpr, kind: cosent}\n"), "recipe.yaml line 3: loss.kind: the key stands there twice");
}

TEST_F(Recipes, BadLinesAreReportedWithTheirNumber) {
  write("d.jsonl", "{\"query\": \"q\", \"positive\": \"p\"}\n\n{\"query\": \"q\"}\n{\"query\": \"r\", \"positive\": \"s\"}\nno\n");
  DataSource source;
  source.file = directory_.path() / "d.jsonl";
  const auto strict = sources(source);
  ASSERT_FALSE(strict.has_value());
  EXPECT_NE(strict.error().message.find("d.jsonl line 3: no \"positive\""), std::string::npos) << strict.error().message;
  source.tolerated_bad_lines = 2;
  const auto tolerant = sources(source);
  ASSERT_TRUE(tolerant.has_value()) << tolerant.error().message;
  EXPECT_EQ(tolerant->examples.size(), 2U);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_NE(told_[1].find("line 5"), std::string::npos);
  source.as_texts = true;
  EXPECT_EQ(sources(source)->examples.size(), 4U);
  source.limit = 3;
  EXPECT_EQ(sources(source)->examples.size(), 3U);
}

TEST_F(Recipes, ColumnsAreChosen) {
  write("sts.csv", "genre\tid\t5.0\tone\ttwo\ngenre\tid\t2.5\tthree\tfour\n");
  DataSource source;
  source.file = directory_.path() / "sts.csv";
  source.kind = ExampleKind::kScored;
  source.columns = {4, 5, 3};
  source.score_scale = 5;
  const auto data = sources(source);
  ASSERT_TRUE(data.has_value()) << data.error().message;
  EXPECT_EQ(data->examples[1], (TrainingExample{{"three", "four"}, 0.5}));
  source.columns = {4, 5, 9};
  EXPECT_NE(sources(source).error().message.find("sts.csv line 1: 5 columns, column 9 is wanted"), std::string::npos);
}

TEST_F(Recipes, RetrievalSetsGiveTheirJudgedPairs) {
  write("corpus.jsonl",
        "{\"_id\": \"1\", \"title\": \"t\", \"text\": \"one\"}\n{\"_id\": \"2\", \"title\": \"\", \"text\": \"two\"}\n");
  write("queries.jsonl", "{\"_id\": \"a\", \"text\": \"ask\"}\n{\"_id\": \"b\", \"text\": \"other\"}\n");
  fs::create_directory(directory_.path() / "qrels");
  write("qrels/train.tsv", "query-id\tcorpus-id\tscore\na\t1\t1\na\t2\t0\nb\t2\t2\n");
  DataSource source;
  source.beir = directory_.path();
  const auto data = sources(source);
  ASSERT_TRUE(data.has_value()) << data.error().message;
  ASSERT_EQ(data->examples.size(), 2U);
  EXPECT_EQ(data->examples[0], (TrainingExample{{"ask", "t one"}}));
  EXPECT_EQ(data->examples[1], (TrainingExample{{"other", "two"}}));
}

TEST_F(Recipes, DevQueriesAreNotTrainedOn) {
  TrainingData train{ExampleKind::kPairs, {}};
  for (int i = 0; i < 200; ++i) {
    train.examples.push_back({{"query " + std::to_string(i), "first"}});
    train.examples.push_back({{"query " + std::to_string(i), "second"}});
  }
  DevOptions options;
  options.share = 0.25;
  options.distractors = 3;
  const auto dev = take_dev_set(options, 1, train, [](const std::string&) {});
  ASSERT_TRUE(dev.has_value());
  EXPECT_EQ(dev->examples.size() + train.examples.size(), 400U);
  EXPECT_GT(dev->examples.size(), 50U);
  EXPECT_LT(dev->examples.size(), 150U);
  EXPECT_EQ(dev->examples.front().texts.size(), 2U + 3U);
  for (const TrainingExample& example : dev->examples) {
    for (const TrainingExample& other : train.examples) ASSERT_NE(example.texts[0], other.texts[0]);
  }
}

TEST_F(Recipes, CurvesAreDrawnFromMetrics) {
  write("metrics.jsonl",
        "{\"step\": 0, \"float\": 0.5, \"int8\": 0.5, \"binary\": 0.25, \"best\": true}\n"
        "{\"step\": 1, \"loss\": 2.5, \"rate\": 0.1}\n{\"step\": 2, \"loss\": 1.5, \"rate\": 0.1}\n");
  const auto svg = training_svg("run", directory_.path() / "metrics.jsonl");
  ASSERT_TRUE(svg.has_value()) << svg.error().message;
  EXPECT_NE(svg->find("loss 2.5 at its highest, 1.5 at the end of 2 steps"), std::string::npos);
  EXPECT_NE(svg->find("binary"), std::string::npos);
}

// What is shipped can be read.
TEST_F(Recipes, ThoseThatAreShippedAreRead) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(ORTHANT_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto recipe = read_recipe(entry.path(), "data");
    EXPECT_TRUE(recipe.has_value()) << recipe.error().message;
    ++count;
  }
  EXPECT_GE(count, 3U);
}

}  // namespace
}  // namespace orthant
