// Random writes against a model while the collection trains its codes, builds a graph or lists, calibrates, reclaims and restarts.
// Whatever stands at the moment, a search gives points that exist, match the filter and bear their true scores, each once, and
// nearly all of the best ones.

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/index/brute_force.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 48;
constexpr std::size_t kIds = 12'000;
constexpr std::size_t kFirstRows = 8'000;
constexpr std::size_t kBestCount = 10;
constexpr int kGroups = 8;

struct ModelPoint {
  std::vector<float> vector;
  int group = 0;
};

class StructureModel : public testing::TestWithParam<IndexStructure> {
 protected:
  StructureModel() : random_(sample_seed()) {
    host_.emplace(directory_.path(), limits_);
    CollectionConfig config = one_vector(kDim);
    IndexConfig& index = config.vectors[""].index;
    index.residency = FloatResidency::kDisk;
    index.exact_below_bytes = 0;
    index.structure = GetParam();
    collection_ = host_->create("c", config);
  }

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }

  void upsert(std::size_t count) {
    const std::vector<float> rows = clustered_rows(count, kDim, random_);
    UpsertOp op;
    for (std::size_t i = 0; i < count; ++i) {
      const PointId id = PointId::number(below(kIds));
      ModelPoint point{
          {rows.begin() + static_cast<std::ptrdiff_t>(i * kDim), rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * kDim)},
          static_cast<int>(below(kGroups))};
      op.points.push_back({id, {collection_->prepare_floats("", point.vector).value()}, fmt::format(R"({{"g":{}}})", point.group)});
      model_[id] = std::move(point);
    }
    ASSERT_TRUE(write(*collection_, std::move(op), false));
  }

  void erase_some(std::size_t count) {
    std::vector<PointId> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(PointId::number(below(kIds)));
    for (const PointId& id : ids) model_.erase(id);
    ASSERT_TRUE(write(*collection_, DeletePointsOp{ids}, false));
  }

  void erase_group(int group) {
    Filter filter;
    filter.must.push_back(FieldCondition{"g", MatchValue{std::int64_t{group}}});
    std::erase_if(model_, [group](const auto& entry) { return entry.second.group == group; });
    ASSERT_TRUE(write(*collection_, DeletePointsOp{filter}, false));
  }

  static double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < kDim; ++i) sum += double{a[i]} * b[i];
    return sum;
  }

  void check_search(bool filtered) {
    const std::vector<float> query = clustered_rows(1, kDim, random_);
    const int group = static_cast<int>(below(kGroups));
    Filter filter;
    filter.must.push_back(FieldCondition{"g", MatchValue{std::int64_t{group}}});
    const auto eligible = [&](const ModelPoint& point) { return !filtered || point.group == group; };
    std::vector<double> best;
    for (const auto& [id, point] : model_) {
      if (eligible(point)) best.push_back(dot(query, point.vector));
    }
    std::ranges::sort(best, std::greater());
    best.resize(std::min(best.size(), kBestCount));
    const VectorValue wanted = query;
    const auto answer =
        collection_->search({.vector = &wanted, .filter = filtered ? &filter : nullptr, .limit = kBestCount, .explain = true})
            .value();
    std::set<PointId> seen;
    for (const ScoredPoint& found : answer.points) {
      const auto point = model_.find(found.record.id);
      ASSERT_NE(point, model_.end()) << "deleted: " << found.record.id.to_string();
      EXPECT_TRUE(eligible(point->second)) << found.record.id.to_string();
      EXPECT_NEAR(found.score, dot(query, point->second.vector), 1e-3);
      EXPECT_TRUE(seen.insert(found.record.id).second) << "twice: " << found.record.id.to_string();
      hits_ += found.score >= best.back() - 1e-3 ? 1 : 0;
    }
    wanted_ += best.size();
    const auto& stages = answer.explanation->trace.stages;  // none where a filter leaves nothing
    if (!stages.empty() && stages.front().name == structure_name(GetParam())) ++through_structure_;
  }

  void restart(bool lose_snapshots) {
    ASSERT_TRUE(collection_->save_snapshots());
    collection_.reset();
    const std::filesystem::path index_path = host_->directory().index_path();
    host_.reset();
    if (lose_snapshots) std::filesystem::remove_all(index_path);
    host_.emplace(directory_.path(), limits_);
    collection_ = host_->open("c").value();
  }

  void write_something() {
    switch (below(8)) {
      case 0: return erase_some(100);
      case 1: return chance(0.2) ? erase_group(static_cast<int>(below(kGroups))) : erase_some(20);
      default: return upsert(100 + below(200));
    }
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  UpkeepLimits limits_{.snapshot_rows = 500, .snapshot_growth = 2'000, .reclaim_rows = 1'500};
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<PointId, ModelPoint> model_;
  std::size_t hits_ = 0;
  std::size_t wanted_ = 0;
  std::size_t through_structure_ = 0;
};

TEST_P(StructureModel, FindsTheBestExistingPointsAllAlong) {
  for (std::size_t rows = 0; rows < kFirstRows; rows += 1'000) upsert(1'000);
  while (!HasFailure() && GetParam() != IndexStructure::kFlat && through_structure_ == 0) check_search(false);
  for (int step = 0; step < 50 && !HasFailure(); ++step) {
    write_something();
    for (int i = 0; i < 6; ++i) check_search(i % 3 == 0);
    if (chance(0.05)) restart(chance(0.3));
    if (chance(0.03)) {
      ASSERT_TRUE(reclaim(*collection_));
    }
    // Upkeep gets a turn at various moments.
    if (chance(0.5)) std::this_thread::sleep_for(std::chrono::milliseconds(below(40)));
  }
  EXPECT_GE(static_cast<double>(hits_) / static_cast<double>(wanted_), 0.97);
}

std::string name_of(const testing::TestParamInfo<IndexStructure>& structure) {
  return std::string(structure_name(structure.param));
}

INSTANTIATE_TEST_SUITE_P(Structures, StructureModel,
                         testing::Values(IndexStructure::kFlat, IndexStructure::kGraph, IndexStructure::kLists), name_of);

}  // namespace
}  // namespace orthant::test
