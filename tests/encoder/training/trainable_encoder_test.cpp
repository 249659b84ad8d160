// Trainable models against Encoder and Transformer, their gradients against finite differences, and the folders they write.

#include "encoder/training/trainable_encoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "encoder/training/text_embedder.h"
#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/paths.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;
using test::cosine;
using test::tiny_model;

const std::vector<std::string> kTexts = {"a river", "the bridge stands over cold water .", "quick slow 1 2 3 !", "night",
                                         "stone and water and stone"};

std::vector<PurposedText> purposed(std::span<const std::string> texts, Purpose purpose) {
  std::vector<PurposedText> all;
  for (const std::string& text : texts) all.push_back({text, purpose});
  return all;
}

EmbeddingMatrix encoded(const fs::path& folder, Purpose purpose, std::span<const std::string> texts = kTexts) {
  const auto encoder = Encoder::load(folder, {});
  if (!encoder) throw std::runtime_error(encoder.error().message);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return (*encoder)->encode(views, {.purpose = purpose}).value().embeddings;
}

double least_cosine(const at::Tensor& rows, const EmbeddingMatrix& expected) {
  double least = 1;
  for (std::size_t i = 0; i < expected.rows; ++i) {
    const at::Tensor row = rows[static_cast<std::int64_t>(i)].detach().contiguous();
    least = std::min(least, cosine(values_of(row), expected.row(i)));
  }
  return least;
}

TEST(TrainableEncoder, EmbedsAsEncoderDoes) {
  for (const char* name : {"cls", "default_prompt", "dense_half", "max_bfloat", "old_layout_prompts"}) {
    SCOPED_TRACE(name);
    const auto model = TrainableEncoder::load(tiny_model(name), 0);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const TextEmbedder embedder(*model, nullptr, {}, 20);
    for (const Purpose purpose : {Purpose::kQuery, Purpose::kDocument}) {
      const at::Tensor rows = embedder.embed(purposed(kTexts, purpose)).value();
      EXPECT_GE(least_cosine(rows, encoded(tiny_model(name), purpose)), 0.99999);
      EXPECT_FALSE(rows.requires_grad());
    }
  }
}

TEST(TrainableTransformer, GivesTheHiddenStatesOfEveryFamilyThatIsTrained) {
  const fs::path golden = tiny_model("").parent_path().parent_path() / "architectures";
  const std::vector<std::uint32_t> first = {4, 17, 80, 5, 33, 61};
  const std::vector<std::uint32_t> second = {7, 1, 9};
  const std::vector<TokenSequence> sequences = {{first}, {second}};
  for (const char* name : {"bert", "distilbert", "mpnet", "roberta", "xlm_roberta"}) {
    SCOPED_TRACE(name);
    const auto model =
        Transformer::load(SafeTensors::open(golden / name / "model.safetensors").value(),
                          read_transformer_config(golden / name).value(), WeightPrecision::kFloat32, CpuLevel::kPortable);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    Workspace workspace;
    const std::span<const float> expected = model->forward(sequences, workspace).value();
    const auto trainable = TrainableTransformer::make(*model);
    ASSERT_TRUE(trainable.has_value()) << trainable.error().message;
    const at::Tensor hidden = trainable->forward(sequences, {}).contiguous();
    ASSERT_EQ(static_cast<std::size_t>(hidden.numel()), expected.size());
    EXPECT_GE(cosine(values_of(hidden), expected), 0.999999);
    const at::Tensor brain = trainable->forward(sequences, {.bfloat16 = true}).contiguous();
    EXPECT_GE(cosine(values_of(brain), expected), 0.999);
  }
  for (const char* name : {"modernbert", "qwen3", "nomic_bert"}) {
    const auto model =
        Transformer::load(SafeTensors::open(golden / name / "model.safetensors").value(),
                          read_transformer_config(golden / name).value(), WeightPrecision::kFloat32, CpuLevel::kPortable);
    const auto refused = TrainableTransformer::make(*model);
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
}

// The sum of embeddings times fixed factors, and its gradients for all parameters.
struct Gradients {
  double value = 0;
  std::vector<at::Tensor> of;
};

Gradients gradients_of(const TrainableEncoder& model, const ParameterSet& parameters, const ForwardOptions& forward,
                       std::size_t chunk_tokens) {
  const TextEmbedder embedder(model, nullptr, forward, chunk_tokens);
  const at::Tensor factors = at::arange(static_cast<std::int64_t>(kTexts.size() * model.dim()), at::kFloat)
                                 .view({-1, static_cast<std::int64_t>(model.dim())});
  ParameterSet set = parameters;
  set.drop_gradients();
  at::manual_seed(7);
  std::size_t tokens = 0;
  Gradients gradients;
  gradients.value = embedder
                        .accumulate_gradients(
                            purposed(kTexts, Purpose::kDocument),
                            [&](const at::Tensor& rows) { return (rows * at::sin(factors)).sum() + (rows * rows).sum(); }, tokens)
                        .value();
  EXPECT_GT(tokens, kTexts.size());
  for (const Parameter& parameter : parameters.all()) gradients.of.push_back(parameter.tensor.grad().clone());
  return gradients;
}

void expect_same(const Gradients& found, const Gradients& expected, double tolerance) {
  EXPECT_NEAR(found.value, expected.value, tolerance * std::abs(expected.value) + 1e-6);
  for (std::size_t i = 0; i < expected.of.size(); ++i) {
    const double largest = expected.of[i].abs().max().item<double>();
    EXPECT_LE((found.of[i] - expected.of[i]).abs().max().item<double>(), tolerance * largest + 1e-6) << "parameter " << i;
  }
}

TEST(TrainableEncoder, ChunksAndCheckpointsGiveTheGradientsOfTheWholeBatch) {
  auto model = TrainableEncoder::load(tiny_model("default_prompt"), 0).value();
  const ParameterSet parameters = model.parameters({});
  const Gradients whole = gradients_of(model, parameters, {}, 100000);
  expect_same(gradients_of(model, parameters, {}, 12), whole, 1e-4);
  expect_same(gradients_of(model, parameters, {.checkpointing = true}, 100000), whole, 1e-4);
  expect_same(gradients_of(model, parameters, {.checkpointing = true}, 12), whole, 1e-4);
  // The same random numbers are drawn again.
  const Gradients dropped = gradients_of(model, parameters, {.dropout = 0.2}, 100000);
  EXPECT_GT(std::abs(dropped.value - whole.value), 1e-3);
  expect_same(gradients_of(model, parameters, {.dropout = 0.2, .checkpointing = true}, 100000), dropped, 1e-4);
  const Gradients pieces = gradients_of(model, parameters, {.dropout = 0.2}, 12);
  expect_same(gradients_of(model, parameters, {.dropout = 0.2, .checkpointing = true}, 12), pieces, 1e-4);
}

// Along random directions through all weights at once: float32 allows no more than a per cent.
TEST(TrainableEncoder, GradientsAreThoseOfFiniteDifferences) {
  at::manual_seed(test::sample_seed());
  for (const char* name : {"cls", "dense_half", "max_bfloat"}) {
    SCOPED_TRACE(name);
    auto model = TrainableEncoder::load(tiny_model(name), 0).value();
    const ParameterSet parameters = model.parameters({});
    const Gradients gradients = gradients_of(model, parameters, {}, 100000);
    std::vector<at::Tensor> direction;
    double expected = 0;
    for (std::size_t i = 0; i < gradients.of.size(); ++i) {
      direction.push_back(gradients.of[i] + at::randn_like(gradients.of[i]) * gradients.of[i].abs().mean());
      expected += (direction[i] * gradients.of[i]).sum().item<double>();
    }
    const double step = 2e-3 / std::sqrt(expected);
    double above = 0;
    double below = 0;
    for (const double sign : {1.0, -1.0}) {
      for (std::size_t i = 0; i < direction.size(); ++i) parameters.all()[i].tensor.detach().add_(direction[i], sign * step);
      (sign > 0 ? above : below) = gradients_of(model, parameters, {}, 100000).value;
      for (std::size_t i = 0; i < direction.size(); ++i) parameters.all()[i].tensor.detach().sub_(direction[i], sign * step);
    }
    EXPECT_NEAR((above - below) / (2 * step) / expected, 1, 0.02);
  }
}

TEST(TrainableEncoder, WritesAFolderThatEncoderLoads) {
  const test::TemporaryDirectory directory;
  for (const char* name : {"cls", "dense_half", "max_bfloat"}) {
    SCOPED_TRACE(name);
    auto model = TrainableEncoder::load(tiny_model(name), 0).value();
    const ParameterSet parameters = model.parameters({});
    for (const Parameter& parameter : parameters.all()) {
      parameter.tensor.detach().add_(at::randn_like(parameter.tensor.detach()), 0.01);
    }
    const auto dim = static_cast<std::int64_t>(model.dim());
    model.append_dense(at::randn({5, dim}), at::randn({5}));
    model.append_normalize();
    const fs::path target = directory.path() / name;
    const Status saved = model.save(target);
    ASSERT_TRUE(saved.has_value()) << saved.error().message;
    const at::Tensor rows = TextEmbedder(model, nullptr, {}, 1000).embed(purposed(kTexts, Purpose::kQuery)).value();
    EXPECT_EQ(rows.size(1), 5);
    EXPECT_GE(least_cosine(rows, encoded(target, Purpose::kQuery)), 0.99999);
    EXPECT_EQ(model.save(target).error().code, ErrorCode::kAlreadyExists);
    // What was written can be trained on.
    auto again = TrainableEncoder::load(target, 0);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    const at::Tensor same = TextEmbedder(*again, nullptr, {}, 1000).embed(purposed(kTexts, Purpose::kQuery)).value();
    EXPECT_TRUE(at::allclose(rows, same, 1e-4, 1e-5));
  }
}

TEST(TrainableEncoder, RefusesWhatIsNotTrained) {
  const auto decoder = TrainableEncoder::load(tiny_model("qwen3_embedding"), 0);
  ASSERT_FALSE(decoder.has_value());
  EXPECT_NE(decoder.error().message.find("MPNet"), std::string::npos) << decoder.error().message;
  EXPECT_EQ(TrainableEncoder::load("nowhere", 0).error().code, ErrorCode::kNotFound);
}

TEST(TrainableEncoder, EmbedsAsEncoderDoesWithTheDefaultModel) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const std::vector<std::string> texts = {"What is a quantized embedding?", "A long text about rivers, bridges and cold water.",
                                          ""};
  const auto model = TrainableEncoder::load(test::default_model_dir(), 0);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  const at::Tensor rows = TextEmbedder(*model, nullptr, {}, 64).embed(purposed(texts, Purpose::kQuery)).value();
  EXPECT_GE(least_cosine(rows, encoded(test::default_model_dir(), Purpose::kQuery, texts)), 0.99999);
}

}  // namespace
}  // namespace orthant
