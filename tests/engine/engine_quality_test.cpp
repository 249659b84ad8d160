// How well the searches of a collection do, and what a search tells of itself, against plain brute force.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "engine/quality.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 16;
// So few that nothing is trained or calibrated in between.
constexpr std::size_t kPoints = 900;

class EngineQuality : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Engine::open(settings_for(directory_.path()));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    engine_ = std::move(*opened);
    CollectionConfig config = one_vector(kDim, Metric::kDot);
    config.vectors[""].index.residency = FloatResidency::kDisk;
    config.vectors[""].index.target_recall = 0.8;
    ASSERT_TRUE(create(*engine_, "c", config).has_value());
    std::vector<PointInput> points;
    for (std::size_t i = 0; i < kPoints; ++i) {
      rows_.push_back(random_vector());
      points.push_back(point(i, rows_.back(), i % 2 == 0 ? R"({"even": true})" : R"({"even": false})"));
    }
    ASSERT_TRUE(write(*engine_, "c", upsert(std::move(points))).has_value());
  }
  std::vector<float> random_vector() {
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDim);
    for (float& value : vector) value = normal(random_);
    return vector;
  }
  Result<CollectionQuality> quality(CollectionQualityRequest request = {}) {
    return wait_for<CollectionQuality>(
        [&](Done<CollectionQuality> done) { engine_->quality("c", std::move(request), {}, std::move(done)); });
  }
  // Best first.
  std::vector<std::uint64_t> nearest(const std::vector<float>& query, std::size_t count) const {
    std::vector<std::pair<double, std::uint64_t>> scores;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      double dot = 0;
      for (std::size_t k = 0; k < kDim; ++k) dot += double{query[k]} * rows_[i][k];
      scores.emplace_back(-dot, i);
    }
    std::ranges::sort(scores);
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(scores[i].second);
    return ids;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
  std::mt19937_64 random_{sample_seed()};
  std::vector<std::vector<float>> rows_;
};

TEST_F(EngineQuality, KeepsTheLastResult) {
  const auto first = quality({.vector_name = "", .sampled_rows = 20, .refresh = false, .judged = {}});
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_FALSE(first->answer.kept);
  EXPECT_EQ(first->answer.measured->index.rows, kPoints);
  EXPECT_EQ(first->answer.measured->store_bytes_per_row, kDim * sizeof(float));
  ASSERT_TRUE(first->answer.measured->index.served);
  EXPECT_EQ(first->answer.measured->index.served->queries, 40U);
  EXPECT_EQ(quality()->answer.measured, first->answer.measured);
  EXPECT_TRUE(quality()->answer.kept);
  const auto again = quality({.vector_name = "", .sampled_rows = 8, .refresh = true, .judged = {}});
  EXPECT_NE(again->answer.measured, first->answer.measured);
}

// Graded by brute force: the nearest are relevant, so exact search has nDCG 1 and what is served has its own recall.
TEST_F(EngineQuality, JudgesAsBruteForceDoes) {
  CollectionQualityRequest request;
  request.sampled_rows = 8;
  double ndcg = 0, found = 0;
  double ideal = 0;
  for (std::size_t rank = 1; rank <= 10; ++rank) ideal += 1 / std::log2(static_cast<double>(rank) + 1);
  for (int i = 0; i < 25; ++i) {
    const std::vector<float> vector = random_vector();
    const std::vector<std::uint64_t> truth = nearest(vector, 10);
    JudgedQuery& judged = request.judged.emplace_back();
    judged.query = VectorInput(vector);
    for (const std::uint64_t id : truth) judged.judgements.emplace_back(PointId::number(id), 1);
    QueryRequest search;
    search.query = VectorInput(vector);
    const auto result = query(*engine_, "c", search).value();
    for (std::size_t rank = 1; rank <= result.points.size(); ++rank) {
      const bool hit = std::ranges::count(truth, result.points[rank - 1].record.id.as_number()) != 0;
      ndcg += hit ? 1 / std::log2(static_cast<double>(rank) + 1) / ideal : 0;
      found += hit ? 0.1 : 0;
    }
  }
  const auto measured = quality(request);
  ASSERT_TRUE(measured.has_value()) << measured.error().message;
  ASSERT_TRUE(measured->judged);
  EXPECT_EQ(measured->judged->queries, 25U);
  EXPECT_EQ(measured->judged->judged_points, 250U);
  EXPECT_EQ(measured->judged->missing_points, 0U);
  EXPECT_NEAR(measured->judged->exact_ndcg_at_10, 1, 1e-9);
  EXPECT_NEAR(measured->judged->exact_recall_at_10, 1, 1e-9);
  EXPECT_NEAR(measured->judged->ndcg_at_10, ndcg / 25, 1e-9);
  EXPECT_NEAR(measured->judged->recall_at_10, found / 25, 1e-9);
  EXPECT_LT(measured->judged->recall_at_10, 1);  // or the figures above would not tell
  EXPECT_NEAR(measured->judged->retention, measured->judged->ndcg_at_10, 1e-9);
  EXPECT_NEAR(measured->judged->served.recall, measured->judged->recall_at_10, 1e-9);
}

TEST_F(EngineQuality, AnswersAllThatAskAtOnce) {
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(
        [&] { answered += quality({.vector_name = "", .sampled_rows = 10, .refresh = true, .judged = {}}) ? 1 : 0; });
  }
  // Beside searches and writes.
  for (int i = 0; i < 50; ++i) {
    QueryRequest search;
    search.query = VectorInput(random_vector());
    EXPECT_EQ(query(*engine_, "c", search)->points.size(), 10U);
    EXPECT_TRUE(write(*engine_, "c", upsert({point(static_cast<std::uint64_t>(i), random_vector())})).has_value());
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 6);
}

TEST_F(EngineQuality, EndsWithTheEngine) {
  std::promise<bool> answered;
  engine_->quality("c", {.vector_name = "", .sampled_rows = 100, .refresh = true, .judged = {}}, {},
                   [&](Result<CollectionQuality>) { answered.set_value(true); });
  engine_.reset();
  EXPECT_TRUE(answered.get_future().get());
}

TEST_F(EngineQuality, EndsWhenTheEngineIsToStopWhileSearchesAreServed) {
  engine_->begin_stop();
  EXPECT_EQ(quality({.vector_name = "", .sampled_rows = 100, .refresh = true, .judged = {}}).error().code, ErrorCode::kUnavailable);
  QueryRequest search;
  search.query = VectorInput(random_vector());
  EXPECT_EQ(query(*engine_, "c", search)->points.size(), 10U);
}

TEST_F(EngineQuality, RefusesWhatItCannotMeasure) {
  EXPECT_EQ(quality({.vector_name = "absent", .sampled_rows = 0, .refresh = false, .judged = {}}).error().code,
            ErrorCode::kInvalidArgument);
  CollectionQualityRequest request;
  request.judged.push_back({VectorInput(std::vector<float>{1, 2}), {{PointId::number(1), 1}}});
  EXPECT_EQ(quality(request).error().message, "queries[0].vector: 2 dimensions, expected 16");
}

TEST_F(EngineQuality, ExplainedSearchesAnswerTheSame) {
  for (const bool filtered : {false, true}) {
    QueryRequest plain;
    plain.query = VectorInput(random_vector());
    if (filtered) {
      plain.filter.emplace();
      plain.filter->must.push_back(FieldCondition{"even", MatchValue{true}});
    }
    QueryRequest explained = plain;
    explained.explain = true;
    const QueryResult without = query(*engine_, "c", plain).value();
    const QueryResult with = query(*engine_, "c", explained).value();
    EXPECT_FALSE(without.explanation);
    ASSERT_TRUE(with.explanation && with.explanation->search);
    ASSERT_EQ(with.points.size(), without.points.size());
    const SearchExplanation& told = *with.explanation->search;
    EXPECT_FALSE(told.trace.stages.empty());
    EXPECT_EQ(told.trace.stages.back().candidates_out, 10U);
    EXPECT_EQ(told.trace.plan.eligible_count, filtered ? kPoints / 2 : kPoints);
    EXPECT_EQ(told.filter.has_value(), filtered);
    if (filtered) {
      EXPECT_EQ(told.filter->allowed_rows, kPoints / 2);
      EXPECT_EQ(told.filter->source, FilterSource::kCache);
      ASSERT_EQ(told.filter->conditions.size(), 1U);
      EXPECT_EQ(told.filter->conditions[0].condition, "even");
      EXPECT_EQ(told.filter->conditions[0].source, FilterSource::kPayloads);
    }
    EXPECT_GE(with.explanation->microseconds, told.search_microseconds);
  }
}

}  // namespace
}  // namespace orthant::test
