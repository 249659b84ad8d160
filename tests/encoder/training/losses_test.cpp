// Losses and forms: known values, and gradients against finite differences in double precision.

#include "encoder/training/losses.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using test::expect_gradient;

constexpr std::int64_t kQueries = 5;
constexpr std::int64_t kDocuments = 7;
constexpr std::int64_t kDim = 6;

class Losses : public testing::Test {
 protected:
  void SetUp() override { at::manual_seed(test::random_seed()); }

  at::Tensor rows(std::int64_t count, std::int64_t dim = kDim) { return at::randn({count, dim}, at::kDouble); }
  LossOptions options(LossKind kind) {
    LossOptions loss;
    loss.kind = kind;
    loss.temperature = 0.5;
    return loss;
  }
  LossBatch pairs() {
    LossBatch batch;
    batch.queries = rows(kQueries);
    batch.documents = rows(kDocuments);
    batch.excluded = at::zeros({kQueries, kDocuments}, at::kBool);
    batch.excluded.data_ptr<bool>()[3] = true;
    batch.teacher_queries = rows(kQueries, 4);
    batch.teacher_documents = rows(kDocuments, 4);
    return batch;
  }
  // Of the queries, then of the documents.
  void expect_gradients(const LossBatch& batch, const LossOptions& loss, double sharpness = 1.5) {
    expect_gradient(batch.queries, [&](const at::Tensor& moved) {
      LossBatch changed = batch;
      changed.queries = moved;
      return compared_loss(changed, loss, sharpness);
    });
    if (!batch.documents.defined()) return;
    expect_gradient(batch.documents, [&](const at::Tensor& moved) {
      LossBatch changed = batch;
      changed.documents = moved;
      return compared_loss(changed, loss, sharpness);
    });
  }
};

TEST_F(Losses, ContrastiveIsTheCrossEntropyOfTheOwnDocument) {
  const at::Tensor queries = at::eye(2, at::kDouble);
  const at::Tensor documents = at::tensor({1.0, 0.0, 0.0, 1.0, 1.0, 0.0}, at::kDouble).view({3, 2});
  // Query 0 scores 2, 0, 2 at temperature .5; query 1 scores 0, 2, 0.
  const double first = -2 + std::log(2 * std::exp(2.0) + 1);
  const double second = -2 + std::log(std::exp(2.0) + 2);
  EXPECT_NEAR(contrastive_loss(queries, documents, {}, 0.5).item<double>(), (first + second) / 2, 1e-12);
  at::Tensor excluded = at::zeros({2, 3}, at::kBool);
  excluded.data_ptr<bool>()[2] = true;
  const double without = -2 + std::log(std::exp(2.0) + 1);
  EXPECT_NEAR(contrastive_loss(queries, documents, excluded, 0.5).item<double>(), (without + second) / 2, 1e-12);
}

TEST_F(Losses, CosentCountsPairsInTheWrongOrder) {
  const at::Tensor first = at::tensor({1.0, 0.0, 1.0, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor second = at::tensor({1.0, 0.0, 0.0, 1.0}, at::kDouble).view({2, 2});  // cosines 1 and 0
  const at::Tensor right = at::tensor({0.9, 0.1}, at::kDouble);
  const at::Tensor wrong = at::tensor({0.1, 0.9}, at::kDouble);
  EXPECT_NEAR(cosent_loss(first, second, right, 0.5).item<double>(), std::log(1 + std::exp(-2.0)), 1e-12);
  EXPECT_NEAR(cosent_loss(first, second, wrong, 0.5).item<double>(), std::log(1 + std::exp(2.0)), 1e-12);
}

TEST_F(Losses, DistillationIsZeroWhereBothAgree) {
  LossBatch batch = pairs();
  batch.teacher_queries = batch.queries;
  batch.teacher_documents = batch.documents;
  EXPECT_NEAR(compared_loss(batch, options(LossKind::kDistillation), 1).item<double>(), 0, 1e-12);
  batch.documents = at::Tensor();
  batch.teacher_documents = at::Tensor();
  EXPECT_NEAR(compared_loss(batch, options(LossKind::kDistillation), 1).item<double>(), 0, 1e-12);
  batch.teacher_queries = rows(kQueries);
  EXPECT_GT(compared_loss(batch, options(LossKind::kDistillation), 1).item<double>(), 1e-3);
}

TEST_F(Losses, BprIsItsTwoParts) {
  const at::Tensor queries = unit_rows(rows(2, 3));
  const at::Tensor documents = unit_rows(rows(3, 3));
  const double sharpness = 2;
  const at::Tensor hash_queries = at::tanh(queries * (sharpness * std::sqrt(3.0)));
  const at::Tensor hash_documents = at::tanh(documents * (sharpness * std::sqrt(3.0)));
  double candidates = 0;
  double reranking = 0;
  for (std::int64_t i = 0; i < 2; ++i) {
    const double own = (hash_queries[i] * hash_documents[i]).sum().item<double>();
    double sum = 0;
    for (std::int64_t j = 0; j < 3; ++j) {
      const double other = (hash_queries[i] * hash_documents[j]).sum().item<double>();
      if (j != i) candidates += std::max(0.0, 2.0 - own + other) / 4;
      sum += std::exp((queries[i] * hash_documents[j]).sum().item<double>());
    }
    reranking += (std::log(sum) - (queries[i] * hash_documents[i]).sum().item<double>()) / 2;
  }
  EXPECT_NEAR(bpr_loss(queries, documents, {}, 2.0, sharpness).item<double>(), candidates + reranking, 1e-9);
}

TEST_F(Losses, GradientsAreThoseOfFiniteDifferences) {
  for (const LossKind kind : {LossKind::kContrastive, LossKind::kDistillation, LossKind::kBpr}) {
    SCOPED_TRACE(loss_kind_name(kind));
    expect_gradients(pairs(), options(kind));
  }
  LossBatch texts = pairs();
  texts.documents = at::Tensor();
  texts.teacher_documents = at::Tensor();
  expect_gradients(texts, options(LossKind::kDistillation));
  LossBatch scored = pairs();
  scored.documents = rows(kQueries);
  scored.targets = at::rand({kQueries}, at::kDouble);
  for (const LossKind kind : {LossKind::kCosent, LossKind::kCosine}) {
    SCOPED_TRACE(loss_kind_name(kind));
    expect_gradients(scored, options(kind));
  }
  LossBatch labelled;
  labelled.queries = rows(kQueries, 3);
  labelled.targets = at::tensor({0, 2, 1, 1, 0}, at::kLong);
  expect_gradients(labelled, options(LossKind::kCrossEntropy));
}

TEST_F(Losses, GradientsOfSoftSignsAndOfLengthsAreThoseOfFiniteDifferences) {
  LossOptions loss = options(LossKind::kContrastive);
  loss.soft_signs = true;
  loss.forms = {{SearchForm::kFloat, 0.5}, {SearchForm::kBinary, 1}, {SearchForm::kAsymmetric, 2}};
  expect_gradients(pairs(), loss);
  loss.lengths = {2, 4, kDim};
  expect_gradients(pairs(), loss);
}

TEST_F(Losses, FormsAndLengthsAreWeightedMeans) {
  const LossBatch batch = pairs();
  const auto loss_with = [&](std::vector<FormWeight> forms, std::vector<std::int64_t> lengths) {
    LossOptions loss = options(LossKind::kContrastive);
    loss.forms = std::move(forms);
    loss.lengths = std::move(lengths);
    return compared_loss(batch, loss, 1).item<double>();
  };
  const double whole = loss_with({{SearchForm::kFloat, 1}}, {});
  const double binary = loss_with({{SearchForm::kBinary, 1}}, {});
  EXPECT_NEAR(loss_with({{SearchForm::kFloat, 1}, {SearchForm::kBinary, 3}}, {}), (whole + 3 * binary) / 4, 1e-9);
  const double half = loss_with({{SearchForm::kFloat, 1}}, {3});
  EXPECT_NEAR(loss_with({{SearchForm::kFloat, 1}}, {3, kDim}), (half + whole) / 2, 1e-9);
  EXPECT_NE(half, whole);
}

TEST_F(Losses, SignsGiveHammingDistancesAndTheGradientOfTheirTanh) {
  const at::Tensor values = at::tensor({0.5, -0.5, 0.0, 0.2}, at::kDouble).view({1, 4});
  const at::Tensor signs = straight_through_signs(values, 1);
  EXPECT_TRUE(at::equal(signs, at::tensor({0.5, -0.5, -0.5, 0.5}, at::kDouble).view({1, 4})));
  const at::Tensor a = straight_through_signs(unit_rows(rows(1, 64)), 1);
  const at::Tensor b = straight_through_signs(unit_rows(rows(1, 64)), 1);
  const double distance = (a * b < 0).sum().item<double>();
  EXPECT_NEAR((a * b).sum().item<double>(), 1 - 2 * distance / 64, 1e-9);
  at::Tensor leaf = unit_rows(rows(2));
  at::Tensor other = leaf.detach().clone();
  const at::Tensor factors = rows(2);
  leaf = leaf.detach().set_requires_grad(true);
  other.set_requires_grad(true);
  torch::autograd::backward({(straight_through_signs(leaf, 3) * factors).sum()}, {});
  torch::autograd::backward({(soft_signs(other, 3) * factors).sum()}, {});
  EXPECT_TRUE(at::allclose(leaf.grad(), other.grad()));
}

TEST_F(Losses, Int8RowsAreOnTheirGridAndPassGradientsThrough) {
  at::Tensor values = rows(3).set_requires_grad(true);
  const at::Tensor rounded = fake_int8_rows(values);
  const at::Tensor steps = values.detach().abs().amax(-1, true) / 127.0;
  EXPECT_LE((rounded / steps - at::round(rounded / steps)).abs().max().item<double>(), 1e-9);
  EXPECT_LE(((rounded - values).abs() / steps).max().item<double>(), 0.5 + 1e-9);
  const at::Tensor factors = rows(3);
  torch::autograd::backward({(rounded * factors).sum()}, {});
  EXPECT_TRUE(at::allclose(values.grad(), factors));
}

// Within a step nothing changes but the step itself: there finite differences see the gradient of the step.
TEST_F(Losses, LearnedStepsGetTheGradientOfTheRoundedCodes) {
  const at::Tensor values = rows(8);
  const at::Tensor factors = rows(8);
  at::Tensor step = at::full({1}, 0.3, at::kDouble).set_requires_grad(true);
  at::Tensor leaf = values.detach().clone().set_requires_grad(true);
  torch::autograd::backward({(learned_step_quantize(leaf, step, -8, 7) * factors).sum()}, {});
  const at::Tensor in_steps = values / 0.3;
  const at::Tensor codes = at::round(at::clamp(in_steps, -8, 7));
  const at::Tensor inside = at::logical_and(in_steps >= -8, in_steps <= 7).to(at::kDouble);
  EXPECT_TRUE(at::allclose(leaf.grad(), factors * inside));
  const double scale = 1 / std::sqrt(static_cast<double>(values.numel()) * 7);
  const double expected = ((codes - in_steps * inside) * factors).sum().item<double>() * scale;
  EXPECT_NEAR(step.grad().item<double>(), expected, 1e-9);
}

TEST_F(Losses, NamesAreParsed) {
  EXPECT_EQ(parse_loss_kind("bpr").value(), LossKind::kBpr);
  EXPECT_EQ(parse_search_form("asymmetric").value(), SearchForm::kAsymmetric);
  EXPECT_NE(parse_loss_kind("triplet").error().message.find("contrastive"), std::string::npos);
}

}  // namespace
}  // namespace orthant
