// Training as a whole, on tiny models: known results, repetition, resumption, what is refused.

#include "encoder/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "encoder/training/adam_w.h"
#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;
using test::tiny_model;
using test::word_pairs;

TrainingOptions small_options(const fs::path& output) {
  TrainingOptions options;
  options.model = tiny_model("default_prompt");
  options.output = output;
  options.fingerprint = "a recipe";
  options.batch_size = 8;
  options.max_steps = 120;
  options.learning_rate = 5e-3;
  options.loss.forms = {{SearchForm::kFloat, 1}, {SearchForm::kBinary, 1}};
  options.checkpoint_every = 40;
  options.evaluate_every = 40;
  options.tolerated_float_loss = 1;
  return options;
}

TrainingOutcome trained(const TrainingOptions& options, TrainingData train, TrainingData dev = {}) {
  const auto trainer = Trainer::make(options, std::move(train), std::move(dev));
  if (!trainer) throw std::runtime_error(trainer.error().message);
  const auto outcome = (*trainer)->run({});
  if (!outcome) throw std::runtime_error(outcome.error().message);
  return *outcome;
}

std::string weights_of(const fs::path& output) {
  return read_whole_file(output / "model" / "model.safetensors").value();
}

std::size_t count_lines(const fs::path& file) {
  const std::string content = read_whole_file(file).value();
  return static_cast<std::size_t>(std::ranges::count(content, '\n'));
}

TEST(Trainer, LearnsToFindEveryDocumentByItsBits) {
  const test::TemporaryDirectory directory;
  const TrainingOutcome outcome = trained(small_options(directory.path()), word_pairs(), word_pairs());
  EXPECT_EQ(outcome.steps, 120U);
  EXPECT_LT(outcome.start->scores.binary_search, 0.95);
  EXPECT_GE(outcome.best->scores.binary_search, 0.99);
  EXPECT_GE(outcome.best->scores.float_search, 0.99);
  EXPECT_EQ(count_lines(directory.path() / "metrics.jsonl"), 120U + 4U);
  EXPECT_TRUE(Encoder::load(directory.path() / "model", {}).has_value());
}

TEST(Trainer, TheSameRunGivesTheSameWeightsToTheBit) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = small_options(directory.path() / "a");
  options.dropout = 0.1;
  options.max_steps = 10;
  trained(options, word_pairs());
  const std::string first = weights_of(options.output);
  options.output = directory.path() / "b";
  trained(options, word_pairs());
  EXPECT_TRUE(weights_of(options.output) == first);
  options.seed = 2;
  options.output = directory.path() / "c";
  trained(options, word_pairs());
  EXPECT_FALSE(weights_of(options.output) == first);
}

TEST(Trainer, GoesOnFromACheckpointAsIfItHadNeverStopped) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = small_options(directory.path() / "whole");
  options.dropout = 0.1;
  options.accumulate = 2;
  options.chunk_tokens = 40;
  options.max_steps = 30;
  options.checkpoint_every = 10;
  options.evaluate_every = 10;
  trained(options, word_pairs(), word_pairs());
  const std::string expected = weights_of(options.output);
  // The checkpoint of step 20 of a run that was lost afterwards.
  const fs::path cut = directory.path() / "cut";
  fs::copy(options.output, cut, fs::copy_options::recursive);
  fs::remove_all(cut / "checkpoints" / "step-00000030");
  fs::remove_all(cut / "model");
  options.output = cut;
  const TrainingOutcome outcome = trained(options, word_pairs(), word_pairs());
  EXPECT_EQ(outcome.resumed_from, 20U);
  EXPECT_EQ(outcome.steps, 30U);
  EXPECT_TRUE(weights_of(cut) == expected);
  EXPECT_EQ(count_lines(cut / "metrics.jsonl"), 30U + 4U);
  options.fingerprint = "another recipe";
  const auto other = Trainer::make(options, word_pairs(), word_pairs());
  EXPECT_EQ((*other)->run({}).error().code, ErrorCode::kFailedPrecondition);
}

TEST(Trainer, StopsEarlyAndKeepsTheBestModel) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = small_options(directory.path());
  options.learning_rate = 1;  // breaks the model
  options.evaluate_every = 1;
  options.patience = 3;
  const TrainingOutcome outcome = trained(options, word_pairs(), word_pairs());
  EXPECT_TRUE(outcome.stopped_early);
  EXPECT_LE(outcome.steps, 30U);
  EXPECT_GE(outcome.best->scores.binary_search, outcome.start->scores.binary_search);
  EXPECT_EQ(outcome.steps, outcome.best->step + 3);
}

TEST(Trainer, TrainsAHeadAloneOnEmbeddingsThatStay) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = small_options(directory.path());
  options.train_transformer = false;
  options.head = {HeadKind::kRotation, true, 0};
  options.loss.distillation = 0.1;
  options.loss.temperature = 0.1;
  options.learning_rate = 0.02;
  const TrainingOutcome outcome = trained(options, word_pairs(), word_pairs());
  EXPECT_GT(outcome.best->scores.binary_search, outcome.start->scores.binary_search);
  EXPECT_TRUE(fs::exists(directory.path() / "model" / "3_Dense" / "model.safetensors"));
  EXPECT_EQ(Encoder::load(directory.path() / "model", {}).value()->info().dim, 16U);
}

TEST(Trainer, LearnsLabels) {
  const test::TemporaryDirectory directory;
  TrainingData data{ExampleKind::kLabels, {}};
  for (const char* text : {"cold river", "cold water", "cold stone", "cold night"}) data.examples.push_back({{text}, 0, 0});
  for (const char* text : {"quick river", "quick water", "quick stone", "quick night"}) data.examples.push_back({{text}, 0, 1});
  TrainingOptions options = small_options(directory.path());
  options.loss = {};
  options.loss.kind = LossKind::kCrossEntropy;
  options.head = {HeadKind::kLabels, false, 2};
  const TrainingOutcome outcome = trained(options, data, data);
  EXPECT_EQ(outcome.best->scores.float_search, 1.0);
  EXPECT_EQ(Encoder::load(directory.path() / "model", {}).value()->info().dim, 2U);
}

TEST(Trainer, LearnsScoresAndNeighboursWithoutLabels) {
  const test::TemporaryDirectory directory;
  TrainingData scored{ExampleKind::kScored, {}};
  scored.examples = {{{"cold river", "cold water"}, 0.9},
                     {{"the bridge", "quick night"}, 0.1},
                     {{"a stone", "stone ."}, 0.7},
                     {{"slow", "water !"}, 0.3}};
  TrainingOptions options = small_options(directory.path() / "scored");
  options.loss.kind = LossKind::kCosent;
  options.dev_metric = "float";
  EXPECT_EQ(trained(options, scored, scored).best->scores.float_search, 1.0);
  TrainingData texts{ExampleKind::kTexts, {}};
  for (const TrainingExample& pair : word_pairs().examples) {
    for (const std::string& text : pair.texts) texts.examples.push_back({{text}});
  }
  options = small_options(directory.path() / "texts");
  options.loss.kind = LossKind::kDistillation;
  options.batch_size = 16;
  options.loss.forms = {{SearchForm::kFloat, 1}};
  options.teacher = tiny_model("cls");
  const auto trainer = Trainer::make(options, texts, texts);
  ASSERT_TRUE(trainer.has_value()) << trainer.error().message;
  double first_loss = 0;
  Trainer::Observer observer;
  observer.step = [&](const StepReport& report) { first_loss = report.step == 1 ? report.loss : first_loss; };
  const TrainingOutcome outcome = (*trainer)->run(observer).value();
  EXPECT_EQ(outcome.start->scores.float_search, 1.0);
  EXPECT_LT(outcome.last_loss, 0.5 * first_loss);
}

double mean_cosine(const fs::path& folder, WeightPrecision precision, const EmbeddingMatrix& expected,
                   std::span<const std::string_view> texts) {
  EncoderOptions options;
  options.weights = precision;
  const EmbeddingMatrix found = Encoder::load(folder, options).value()->encode(texts, {}).value().embeddings;
  double sum = 0;
  for (std::size_t i = 0; i < found.rows; ++i) sum += test::cosine(found.row(i), expected.row(i));
  return sum / static_cast<double>(found.rows);
}

// What is trained with rounded weights is what the encoder holds at that precision, and is nearer to the float model.
TEST(Trainer, ModelsLearnToLiveWithFewerBits) {
  const test::TemporaryDirectory directory;
  TrainingData texts{ExampleKind::kTexts, {}};
  std::vector<std::string_view> views;
  const TrainingData pairs = word_pairs();
  for (const TrainingExample& pair : pairs.examples) {
    for (const std::string& text : pair.texts) {
      texts.examples.push_back({{text}});
      views.push_back(text);
    }
  }
  TrainingOptions options = small_options(directory.path());
  options.loss = {};
  options.loss.kind = LossKind::kDistillation;
  options.weights = WeightPrecision::kInt4;
  options.batch_size = 16;
  options.learning_rate = 1e-3;
  options.dev_metric = "float";
  const TrainingOutcome outcome = trained(options, texts, {});
  const EmbeddingMatrix expected = Encoder::load(options.model, {}).value()->encode(views, {}).value().embeddings;
  const double before = mean_cosine(options.model, WeightPrecision::kInt4, expected, views);
  const double after = mean_cosine(directory.path() / "model", WeightPrecision::kInt4, expected, views);
  EXPECT_LT(outcome.last_loss, 0.05);
  EXPECT_GT(after, before);
}

TrainingData word_texts() {
  TrainingData texts{ExampleKind::kTexts, {}};
  for (const TrainingExample& pair : word_pairs().examples) {
    for (const std::string& text : pair.texts) texts.examples.push_back({{text}});
  }
  return texts;
}

// Distillation into fewer bits, on the texts that it is measured on.
TrainingOptions few_bits(const fs::path& output, WeightPrecision weights) {
  TrainingOptions options = small_options(output);
  options.loss = {};
  options.loss.kind = LossKind::kDistillation;
  options.weights = weights;
  options.batch_size = 16;
  options.max_steps = 30;
  options.learning_rate = 1e-3;
  options.dev_metric = "float";
  options.conversion.tolerable_loss = 0.2;  // sixteen texts: one neighbour is a lot
  return options;
}

// Learned scales and steps, kept by checkpoints, become a folder of integers that gives what training's own forward gives.
TEST(Trainer, ConvertsToTheIntegersThatItTrained) {
  const test::TemporaryDirectory directory;
  for (const WeightPrecision weights : {WeightPrecision::kInt8, WeightPrecision::kInt4}) {
    for (const TrainedActivations activations :
         {TrainedActivations::kDynamic, TrainedActivations::kStatic, TrainedActivations::kLearned}) {
      TrainingOptions options = few_bits(directory.path() / "run", weights);
      options.quantization.learned_scales = true;
      options.quantization.activations = activations;
      options.max_steps = 12;
      options.max_seq_length = activations == TrainedActivations::kStatic ? 4 : 0;  // the integers see what training saw
      const TrainingOutcome outcome = trained(options, word_texts(), word_texts());
      ASSERT_TRUE(outcome.conversion.has_value());
      const ConversionReport& report = *outcome.conversion;
      EXPECT_GT(report.least_cosine, 0.99) << weight_precision_name(weights);
      EXPECT_GE(report.converted_score, report.float_score * 0.8);
      const auto encoder = Encoder::load(report.folder, {});
      ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
      EXPECT_EQ((*encoder)->info().weight_precision, report.steps_back.empty() ? weight_precision_name(weights) : "mixed");
      fs::remove_all(options.output);
    }
  }
}

TEST(Trainer, LearnedScalesAndObservedRangesSurviveAStop) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = few_bits(directory.path() / "whole", WeightPrecision::kInt4);
  options.quantization.learned_scales = true;
  options.quantization.activations = TrainedActivations::kStatic;
  options.quantization.freeze_after = 20;
  options.checkpoint_every = 10;
  trained(options, word_texts(), {});
  const fs::path cut = directory.path() / "cut";
  fs::copy(options.output, cut, fs::copy_options::recursive);
  fs::remove_all(cut / "checkpoints" / "step-00000030");
  fs::remove_all(cut / "model");
  fs::remove_all(cut / "quantized");
  const std::string expected = read_whole_file(options.output / "quantized" / "model.safetensors").value();
  options.output = cut;
  EXPECT_EQ(trained(options, word_texts(), {}).resumed_from, 20U);
  EXPECT_TRUE(read_whole_file(cut / "quantized" / "model.safetensors").value() == expected);
}

TEST(Trainer, TrainsEachLayerInItsOwnPrecision) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = few_bits(directory.path(), WeightPrecision::kMixed);
  const auto refused = Trainer::make(options, word_texts(), {});
  EXPECT_EQ(refused.error().message, "quantization.plan: weights mixed want a plan of layers, and no other weights do");
  const std::vector<std::string> layers = {"encoder.layer.0.attention.query_key_value", "encoder.layer.0.output.dense"};
  options.quantization.plan = {{layers[0], {.precision = WeightPrecision::kInt8}},
                               {layers[1], {.precision = WeightPrecision::kInt4, .group_size = 32}}};
  const TrainingOutcome outcome = trained(options, word_texts(), {});
  EXPECT_GT(outcome.conversion->least_cosine, 0.99);
  const std::string config = read_whole_file(directory.path() / "quantized" / "config.json").value();
  EXPECT_NE(config.find(layers[0]), std::string::npos) << config;
  EXPECT_NE(config.find("int4"), std::string::npos);
  EXPECT_EQ(Encoder::load(directory.path() / "quantized", {}).value()->info().weight_precision, "mixed");
  options.quantization.plan[0].first = "no.such.layer";
  const auto unknown = Trainer::make(options, word_texts(), {});
  EXPECT_NE(unknown.error().message.find("plan: it names the layer \"no.such.layer\""), std::string::npos);
}

TEST(Trainer, RefusesIntegersThatLoseTooMuchOrGivesBitsBack) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = few_bits(directory.path(), WeightPrecision::kInt4);
  options.max_steps = 1;
  options.learning_rate = 1e-6;
  options.conversion.tolerable_loss = 0;
  options.conversion.step_back = false;
  const auto trainer = Trainer::make(options, word_texts(), word_texts());
  const auto outcome = (*trainer)->run({});
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(outcome.error().message.find("convert: the dev set's float is "), std::string::npos) << outcome.error().message;
  EXPECT_FALSE(fs::exists(directory.path() / "quantized"));
  EXPECT_TRUE(fs::exists(directory.path() / "model" / "model.safetensors"));
  fs::remove_all(directory.path() / "checkpoints");
  options.conversion.step_back = true;
  const TrainingOutcome kept = trained(options, word_texts(), word_texts());
  EXPECT_FALSE(kept.conversion->steps_back.empty());
  EXPECT_GE(kept.conversion->converted_score, kept.conversion->float_score);
}

TEST(Trainer, SaysHowMuchMemoryIsMissingBeforeItStarts) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = small_options(directory.path());
  options.chunk_tokens = 32;
  const auto fits = Trainer::make(options, word_pairs(), {});
  ASSERT_TRUE(fits.has_value());
  const MemoryForecast small = (*fits)->forecast();
  const auto refused = Trainer::make(options, word_pairs(), {}, small.all() - 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message.find(std::to_string(small.all() >> 20) + " MiB"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(fs::exists(directory.path() / "metrics.jsonl"));
  options.chunk_tokens *= 2;
  const MemoryForecast large = (*Trainer::make(options, word_pairs(), {}))->forecast();
  EXPECT_EQ(large.activations, 2 * small.activations);
  options.checkpointing = true;
  EXPECT_LT((*Trainer::make(options, word_pairs(), {}))->forecast().activations, large.activations);
}

TEST(Trainer, RefusesWhatDoesNotFit) {
  const test::TemporaryDirectory directory;
  const auto refused = [&](auto change) {
    TrainingOptions options = small_options(directory.path());
    change(options);
    const auto trainer = Trainer::make(options, word_pairs(), {});
    return trainer ? std::string("accepted") : trainer.error().message;
  };
  EXPECT_EQ(refused([](TrainingOptions& o) { o.batch_size = 1; }), "batch_size: found 1, expected 2 or more");
  EXPECT_EQ(refused([](TrainingOptions& o) { o.loss.kind = LossKind::kCosent; }), "loss: cosent wants scored, the data are pairs");
  EXPECT_EQ(refused([](TrainingOptions& o) { o.loss.lengths = {8, 17}; }), "lengths: found 17, the model gives 16 dimensions");
  EXPECT_EQ(refused([](TrainingOptions& o) { o.dropout = 1; }), "dropout: found 1, expected 0 to below 1");
  EXPECT_NE(refused([](TrainingOptions& o) { o.train_transformer = false; }).find("head"), std::string::npos);
  EXPECT_EQ(refused([](TrainingOptions& o) { o.learning_rate = -1; }), "learning_rate: found -1, expected a number above 0");
}

// Written down from the algorithm of the paper, in double precision.
TEST(AdamW, TakesTheStepsOfThePaper) {
  ParameterSet set;
  const at::Tensor value = at::tensor({1.0F, -2.0F});
  set.add("decaying", value, true);
  AdamW optimizer(set, {.weight_decay = 0.1});
  double expected[2] = {1, -2};
  double first[2] = {};
  double second[2] = {};
  const double gradients[3][2] = {{0.5, -1}, {-0.25, 2}, {1, 1}};
  for (int t = 1; t <= 3; ++t) {
    set.all()[0].tensor.mutable_grad() =
        at::tensor({static_cast<float>(gradients[t - 1][0]), static_cast<float>(gradients[t - 1][1])});
    optimizer.step(0.01);
    for (int i = 0; i < 2; ++i) {
      first[i] = 0.9 * first[i] + 0.1 * gradients[t - 1][i];
      second[i] = 0.999 * second[i] + 0.001 * gradients[t - 1][i] * gradients[t - 1][i];
      const double corrected = first[i] / (1 - std::pow(0.9, t));
      expected[i] -= 0.01 * (corrected / (std::sqrt(second[i] / (1 - std::pow(0.999, t))) + 1e-8) + 0.1 * expected[i]);
      EXPECT_NEAR(value[i].item<double>(), expected[i], 1e-5);
    }
  }
}

TEST(AdamW, RatesRiseAndFallInStraightLines) {
  EXPECT_DOUBLE_EQ(rate_share(0, 4, 20), 0.25);
  EXPECT_DOUBLE_EQ(rate_share(3, 4, 20), 1);
  EXPECT_DOUBLE_EQ(rate_share(4, 4, 20), 1);
  EXPECT_DOUBLE_EQ(rate_share(12, 4, 20), 0.5);
  EXPECT_DOUBLE_EQ(rate_share(0, 0, 20), 1);
  EXPECT_DOUBLE_EQ(rate_share(20, 4, 20), 0);
}

TEST(ParameterSet, ClipsTheLengthOfAllGradientsTogether) {
  ParameterSet set;
  set.add("a", at::zeros({1}), true);
  set.add("b", at::zeros({1}), true);
  set.add("without", at::zeros({1}), true);
  set.all()[0].tensor.mutable_grad() = at::tensor({3.0F});
  set.all()[1].tensor.mutable_grad() = at::tensor({4.0F});
  EXPECT_NEAR(set.clip_gradients(1), 5, 1e-6);
  EXPECT_NEAR(set.gradient_norm(), 1, 1e-6);
  EXPECT_NEAR(set.all()[0].tensor.grad().item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(set.clip_gradients(2), 1, 1e-6);
}

}  // namespace
}  // namespace orthant
