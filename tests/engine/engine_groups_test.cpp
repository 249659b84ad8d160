// Query trees, groups, facets, matrices and ordered scrolls through the engine, against loops over the same points.

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/engine/engine_fixture.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 6;

struct Sample {
  std::vector<float> vector;
  std::int64_t number = 0;
  std::string city;
};

class QueryTreeTest : public testing::Test {
 protected:
  QueryTreeTest() : random_(random_seed()) {
    engine_ = Engine::open(settings_for(directory_.path())).value();
    CollectionConfig config = one_vector(kDim, Metric::kDot);
    config.field_indexes = {{"number", {FieldType::kInteger}}, {"city", {FieldType::kKeyword}}};
    EXPECT_TRUE(create(*engine_, "c", config));
    std::vector<PointInput> points;
    for (std::uint64_t i = 0; i < 150; ++i) {
      Sample sample = {random_vector(), static_cast<std::int64_t>(random_() % 20), fmt::format("city {}", random_() % 7)};
      points.push_back(point(i, sample.vector, fmt::format(R"({{"number":{},"city":"{}"}})", sample.number, sample.city)));
      samples_.push_back(std::move(sample));
    }
    EXPECT_TRUE(write(*engine_, "c", upsert(std::move(points))));
    // Some rows are buried.
    for (const std::uint64_t i : {3, 77, 149}) {
      samples_[i].vector = random_vector();
      samples_[i].number = 5;
      EXPECT_TRUE(write(*engine_, "c",
                        upsert({point(i, samples_[i].vector, fmt::format(R"({{"number":5,"city":"{}"}})", samples_[i].city))})));
    }
  }

  std::vector<float> random_vector() {
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDim);
    for (float& value : vector) value = normal(random_);
    return vector;
  }

  double dot(const std::vector<float>& a, std::size_t i) const {
    double sum = 0;
    for (std::size_t j = 0; j < kDim; ++j) sum += double{a[j]} * samples_[i].vector[j];
    return sum;
  }

  // Numbers of points by descending score.
  std::vector<std::size_t> ranked(const auto& score, const auto& allowed) const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (allowed(i)) order.push_back(i);
    }
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return score(a) > score(b); });
    return order;
  }

  static QueryStage nearest_stage(std::vector<float> vector, std::size_t limit) {
    QueryStage stage;
    stage.query = VectorInput(std::move(vector));
    stage.limit = limit;
    return stage;
  }

  static Filter city_is(std::string city) {
    Filter filter;
    filter.must.push_back(FieldCondition{"city", MatchValue{std::move(city)}});
    return filter;
  }

  void expect_points(const std::vector<ScoredPoint>& found, const std::vector<std::size_t>& expected, const auto& score) const {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_NEAR(found[i].score, score(expected[i]), 1e-4) << i;
      EXPECT_NEAR(found[i].score, score(found[i].record.id.as_number()), 1e-4) << i;
    }
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
  std::vector<Sample> samples_;
};

TEST_F(QueryTreeTest, RescoresOnlyWhatPrefetchesGive) {
  const std::vector<float> first = random_vector(), second = random_vector();
  QueryRequest request;
  request.prefetch.push_back(nearest_stage(first, 20));
  request.query = VectorInput(second);
  request.limit = 7;
  request.offset = 2;
  request.filter = city_is("city 1");
  const auto of_city = [&](std::size_t i) { return samples_[i].city == "city 1"; };
  std::vector<std::size_t> best = ranked([&](std::size_t i) { return dot(first, i); }, of_city);
  best.resize(std::min<std::size_t>(best.size(), 20));
  std::vector<std::size_t> expected = ranked([&](std::size_t i) { return dot(second, i); },
                                             [&](std::size_t i) { return std::ranges::find(best, i) != best.end(); });
  expected.erase(expected.begin(), expected.begin() + std::min<std::ptrdiff_t>(2, std::ssize(expected)));
  expected.resize(std::min<std::size_t>(expected.size(), 7));
  expect_points(query(*engine_, "c", request).value().points, expected, [&](std::size_t i) { return dot(second, i); });
}

TEST_F(QueryTreeTest, SamplesOfPrefetchesReachBehindTheirOffset) {
  QueryRequest request;
  request.prefetch.emplace_back();  // points by id
  request.prefetch[0].limit = 2;
  request.query = RandomSample{};
  request.offset = 3;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200; ++i) {
    const auto points = query(*engine_, "c", request).value().points;
    ASSERT_EQ(points.size(), 2);
    for (const ScoredPoint& point : points) seen.insert(point.record.id.as_number());
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST_F(QueryTreeTest, FusesPrefetchesByRank) {
  const std::vector<float> first = random_vector(), second = random_vector();
  QueryRequest request;
  request.prefetch = {nearest_stage(first, 30), nearest_stage(second, 40)};
  request.query = RankFusion{.k = 5};
  request.limit = 25;
  std::map<std::size_t, double> scores;
  const auto everything = [](std::size_t) { return true; };
  for (const auto& [vector, limit] : {std::pair(first, 30), std::pair(second, 40)}) {
    const auto order = ranked([&](std::size_t i) { return dot(vector, i); }, everything);
    for (int rank = 0; rank < limit; ++rank) scores[order[static_cast<std::size_t>(rank)]] += 1.0 / (rank + 5);
  }
  std::vector<std::size_t> expected =
      ranked([&](std::size_t i) { return scores[i]; }, [&](std::size_t i) { return scores.contains(i); });
  expected.resize(25);
  expect_points(query(*engine_, "c", request).value().points, expected, [&](std::size_t i) { return scores[i]; });
}

TEST_F(QueryTreeTest, ExamplesByIdAreLeftOut) {
  QueryRequest request;
  request.query = RecommendQuery{{PointId::number(1), PointId::number(2)}, {PointId::number(9)}, RecommendStrategy::kSumOfScores};
  request.limit = 1000;
  const auto score = [&](std::size_t i) {
    return dot(samples_[1].vector, i) + dot(samples_[2].vector, i) - dot(samples_[9].vector, i);
  };
  const auto others = [](std::size_t i) { return i != 1 && i != 2 && i != 9; };
  expect_points(query(*engine_, "c", request).value().points, ranked(score, others), score);
  request.query = RecommendQuery{{PointId::number(1), PointId::number(999)}, {}, RecommendStrategy::kAverageVector};
  EXPECT_EQ(query(*engine_, "c", request).error().message, "No point with id 999 found");
}

TEST_F(QueryTreeTest, ScoresByFormulasOverPayloadAndPrefetches) {
  const std::vector<float> vector = random_vector();
  QueryRequest request;
  request.prefetch.push_back(nearest_stage(vector, 60));
  Expression sum = {.kind = ExpressionKind::kSum};
  sum.operands.push_back({.kind = ExpressionKind::kScore});
  sum.operands.push_back({.kind = ExpressionKind::kVariable, .key = "number"});
  request.query = Formula{.expression = sum};
  request.limit = 10;
  auto best = ranked([&](std::size_t i) { return dot(vector, i); }, [](std::size_t) { return true; });
  best.resize(60);
  const auto score = [&](std::size_t i) { return dot(vector, i) + static_cast<double>(samples_[i].number); };
  auto expected = ranked(score, [&](std::size_t i) { return std::ranges::find(best, i) != best.end(); });
  expected.resize(10);
  expect_points(query(*engine_, "c", request).value().points, expected, score);
}

TEST_F(QueryTreeTest, GroupsHoldTheBestPointsOfEachValue) {
  const std::vector<float> vector = random_vector();
  GroupsRequest request;
  request.query.query = VectorInput(vector);
  request.query.limit = 4;
  request.group_by = "city";
  request.group_size = 3;
  std::vector<std::pair<std::string, std::vector<std::size_t>>> expected;
  for (const std::size_t i : ranked([&](std::size_t row) { return dot(vector, row); }, [](std::size_t) { return true; })) {
    auto group = std::ranges::find(expected, samples_[i].city, [](const auto& entry) { return entry.first; });
    if (group == expected.end()) group = expected.insert(expected.end(), {samples_[i].city, {}});
    if (group->second.size() < 3) group->second.push_back(i);
  }
  const auto check = [&] {
    const auto result =
        wait_for<GroupsResult>([&](Done<GroupsResult> done) { engine_->query_groups("c", request, {}, std::move(done)); });
    ASSERT_EQ(result.value().groups.size(), 4);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(std::get<std::string>(result->groups[i].id), expected[i].first);
      expect_points(result->groups[i].hits, expected[i].second, [&](std::size_t row) { return dot(vector, row); });
    }
  };
  check();
  // Few candidates do not fill the groups: the rest is looked for.
  QueryStage prefetch;
  prefetch.query = VectorInput(vector);
  prefetch.limit = 2;
  request.query.prefetch.push_back(prefetch);
  check();
}

TEST_F(QueryTreeTest, FacetsCountLivePoints) {
  FacetRequest request = {.key = "number", .filter = city_is("city 2"), .limit = 100};
  const auto hits =
      wait_for<std::vector<FacetHit>>([&](Done<std::vector<FacetHit>> done) { engine_->facet("c", request, {}, std::move(done)); });
  std::map<std::int64_t, std::uint64_t> expected, found;
  for (const Sample& sample : samples_) {
    if (sample.city == "city 2") ++expected[sample.number];
  }
  for (const FacetHit& hit : *hits) found[std::get<std::int64_t>(hit.value)] = hit.count;
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(std::ranges::is_sorted(*hits, std::ranges::greater(), &FacetHit::count));
}

TEST_F(QueryTreeTest, ScrollsInTheOrderOfAField) {
  ScrollRequest request;
  request.order_by = OrderBy{.key = "number", .descending = true, .start_from = std::int64_t{12}};
  request.limit = 1000;
  const auto page = scroll(*engine_, "c", request).value();
  EXPECT_FALSE(page.next);
  std::vector<std::int64_t> expected, found;
  for (const Sample& sample : samples_) {
    if (sample.number <= 12) expected.push_back(sample.number);
  }
  std::ranges::sort(expected, std::greater());
  for (const Record& record : page.points) {
    EXPECT_EQ(samples_[record.id.as_number()].number, std::get<std::int64_t>(*record.order_value));
    found.push_back(std::get<std::int64_t>(*record.order_value));
  }
  EXPECT_EQ(found, expected);
  request.order_by->key = "absent";
  EXPECT_EQ(scroll(*engine_, "c", request).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(QueryTreeTest, MatricesHoldTheNearestOfASample) {
  MatrixRequest request = {.vector_name = "", .filter = city_is("city 3"), .sample = 1000, .limit = 2};
  const auto matrix =
      wait_for<MatrixResult>([&](Done<MatrixResult> done) { engine_->search_matrix("c", request, {}, std::move(done)); }).value();
  ASSERT_EQ(matrix.ids.size(), static_cast<std::size_t>(std::ranges::count(samples_, "city 3", &Sample::city)));
  EXPECT_TRUE(std::ranges::is_sorted(matrix.ids));
  for (std::size_t row = 0; row < matrix.ids.size(); ++row) {
    const std::size_t self = matrix.ids[row].as_number();
    const auto expected = ranked([&](std::size_t i) { return dot(samples_[self].vector, i); },
                                 [&](std::size_t i) { return i != self && samples_[i].city == "city 3"; });
    ASSERT_EQ(matrix.neighbours[row].size(), std::min<std::size_t>(2, expected.size()));
    for (std::size_t i = 0; i < matrix.neighbours[row].size(); ++i) {
      EXPECT_NEAR(matrix.neighbours[row][i].score, dot(samples_[self].vector, expected[i]), 1e-4);
    }
  }
}

TEST_F(QueryTreeTest, AnExpiredRequestIsNotRun) {
  QueryRequest request;
  request.prefetch.push_back(nearest_stage(random_vector(), 5));
  request.query = RankFusion{};
  RequestContext context;
  context.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(query(*engine_, "c", request, context).error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace orthant::test
