// Vectors of all kinds and datatypes under random writes, restarts, reclaims and names that come and go, against a std::map and
// plain loops over it.

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>

#include "base/half.h"
#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 6;

struct ModelPoint {
  std::map<std::string, VectorValue> vectors;  // as they must come back
};

VectorConfig dense(VectorDatatype datatype, Metric metric, VectorKind kind = VectorKind::kDense) {
  VectorConfig config;
  config.kind = kind;
  config.datatype = datatype;
  config.index.dim = kDim;
  config.index.metric = metric;
  return config;
}
VectorConfig sparse(SparseModifier modifier) {
  VectorConfig config;
  config.kind = VectorKind::kSparse;
  config.modifier = modifier;
  return config;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

class VectorKindsModel : public testing::Test {
 protected:
  VectorKindsModel() : random_(random_seed()) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }
  PointId random_id() { return PointId::number(below(150)); }

  std::vector<float> random_floats(std::size_t count, bool whole) {
    std::vector<float> floats(count);
    for (float& value : floats) {
      value = whole ? static_cast<float>(below(256)) : std::normal_distribution<float>()(random_);
    }
    return floats;
  }

  VectorValue random_value(const VectorConfig& config) {
    const bool whole = config.datatype == VectorDatatype::kUint8;
    if (config.kind == VectorKind::kDense) return random_floats(kDim, whole);
    if (config.kind == VectorKind::kMulti) return MultiVector{random_floats(kDim * (1 + below(4)), whole), kDim};
    std::map<std::uint32_t, float> values;
    for (std::size_t i = below(6); i > 0; --i) {
      values[static_cast<std::uint32_t>(below(12) * 1'000'000'007)] = std::normal_distribution<float>()(random_);
    }
    SparseVector vector;
    for (const auto& [index, value] : values) {
      vector.indices.push_back(index);
      vector.values.push_back(value);
    }
    return vector;
  }

  // What the store gives back.
  static std::vector<float> stored(const VectorConfig& config, std::vector<float> floats) {
    if (config.datatype == VectorDatatype::kUint8) return floats;
    for (std::size_t i = 0; config.index.metric == Metric::kCosine && i < floats.size(); i += kDim) {
      const std::span<float> row = std::span(floats).subspan(i, kDim);
      const double norm = std::sqrt(dot(row, row));
      for (float& value : row) value = static_cast<float>(value / norm);
    }
    if (config.datatype == VectorDatatype::kFloat16) {
      for (float& value : floats) value = float_from_float16(float16_from_float(value));
    }
    return floats;
  }
  static VectorValue stored(const VectorConfig& config, const VectorValue& value) {
    if (const auto* floats = std::get_if<std::vector<float>>(&value)) return stored(config, *floats);
    if (const auto* multi = std::get_if<MultiVector>(&value)) return MultiVector{stored(config, multi->values), kDim};
    return value;
  }

  // ---- writes ----

  PreparedPoint random_point(ModelPoint& model) {
    PreparedPoint point{.id = random_id(), .vectors = {}, .payload = "{}"};
    for (const auto& [name, config] : configs_) {
      if (!chance(0.7)) continue;
      const VectorValue value = random_value(config);
      point.vectors.push_back(collection_->prepare(name, value).value());
      model.vectors[name] = stored(config, value);
    }
    return point;
  }

  void upsert() {
    UpsertOp op;
    for (std::size_t i = 0; i < 1 + below(6); ++i) {
      ModelPoint model;
      op.points.push_back(random_point(model));
      model_[op.points.back().id] = std::move(model);
    }
    ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
  }

  void update_vectors() {
    ModelPoint given;
    const PreparedPoint point = random_point(given);
    const auto found = model_.find(point.id);
    const auto written = write(*collection_, UpdateVectorsOp{{point}}, false);
    ASSERT_EQ(written.has_value(), found != model_.end());
    if (found == model_.end()) return;
    for (auto& [name, value] : given.vectors) found->second.vectors[name] = std::move(value);
  }

  void remove_vectors() {
    if (configs_.empty()) return;
    const auto& name = std::next(configs_.begin(), static_cast<std::ptrdiff_t>(below(configs_.size())))->first;
    const std::vector<PointId> ids{random_id(), random_id()};
    ASSERT_TRUE(write(*collection_, DeleteVectorsOp{ids, {collection_->slot_of(name).value()}}, false).has_value());
    for (const PointId& id : ids) {
      if (const auto found = model_.find(id); found != model_.end()) found->second.vectors.erase(name);
    }
  }

  void remove_points() {
    const std::vector<PointId> ids{random_id(), random_id(), random_id()};
    ASSERT_TRUE(write(*collection_, DeletePointsOp{ids}, false).has_value());
    for (const PointId& id : ids) model_.erase(id);
  }

  void change_names() {
    const std::string name = fmt::format("n{}", below(3));
    const bool remove = configs_.contains(name);
    const VectorConfig config = random_config();
    std::promise<Status> done;
    const Status queued = collection_->update_config(
        [&](CollectionConfig& changed) -> Status {
          if (remove) {
            changed.vectors.erase(name);
          } else {
            changed.vectors[name] = config;
          }
          return {};
        },
        [&done](Status status) { done.set_value(std::move(status)); });
    ASSERT_TRUE(queued.has_value());
    ASSERT_TRUE(done.get_future().get().has_value());
    if (remove) {
      configs_.erase(name);
      for (auto& [id, point] : model_) point.vectors.erase(name);
    } else {
      configs_[name] = config;
    }
  }

  VectorConfig random_config() {
    switch (below(5)) {
      case 0: return sparse(chance(0.5) ? SparseModifier::kIdf : SparseModifier::kNone);
      case 1: return dense(VectorDatatype::kFloat16, Metric::kDot, VectorKind::kMulti);
      case 2: return dense(VectorDatatype::kUint8, Metric::kCosine);
      case 3: return dense(VectorDatatype::kFloat16, Metric::kCosine);
      default: return dense(VectorDatatype::kFloat32, Metric::kCosine, VectorKind::kMulti);
    }
  }

  void write_something() {
    const std::size_t choice = below(20);
    if (choice < 11) return upsert();
    if (choice < 15) return update_vectors();
    if (choice < 17) return remove_vectors();
    if (choice < 19) return remove_points();
    change_names();
  }

  // ---- checks ----

  // The score of a point for a query, nothing where it is not found.
  std::optional<double> score(const std::string& name, const VectorConfig& config, const VectorValue& query,
                              const VectorValue& value) const {
    if (config.kind == VectorKind::kSparse)
      return sparse_score(name, config, std::get<SparseVector>(query), std::get<SparseVector>(value));
    const std::vector<float> rows = compared(config, value, false);
    const std::vector<float> queries = compared(config, query, true);
    double sum = 0;
    for (std::size_t q = 0; q < queries.size(); q += kDim) {
      double best = -1e30;
      for (std::size_t r = 0; r < rows.size(); r += kDim) {
        best = std::max(best, dot(std::span(queries).subspan(q, kDim), std::span(rows).subspan(r, kDim)));
      }
      sum += best;
    }
    return sum;
  }

  static std::vector<float> compared(const VectorConfig& config, const VectorValue& value, bool is_query) {
    const auto* multi = std::get_if<MultiVector>(&value);
    std::vector<float> rows = multi != nullptr ? multi->values : std::get<std::vector<float>>(value);
    const bool scaled = is_query || config.datatype == VectorDatatype::kUint8;
    for (std::size_t i = 0; scaled && config.index.metric == Metric::kCosine && i < rows.size(); i += kDim) {
      const std::span<float> row = std::span(rows).subspan(i, kDim);
      const double norm = std::sqrt(dot(row, row));
      for (float& number : row) number = norm == 0 ? 0 : static_cast<float>(number / norm);
    }
    return rows;
  }

  std::optional<double> sparse_score(const std::string& name, const VectorConfig& config, const SparseVector& query,
                                     const SparseVector& value) const {
    double sum = 0;
    bool shared = false;
    for (std::size_t i = 0; i < query.indices.size(); ++i) {
      const auto found = std::ranges::find(value.indices, query.indices[i]);
      if (found == value.indices.end()) continue;
      shared = true;
      const double weight =
          config.modifier == SparseModifier::kIdf ? query.values[i] * idf(name, query.indices[i]) : query.values[i];
      sum += weight * value.values[static_cast<std::size_t>(found - value.indices.begin())];
    }
    return shared ? std::optional(sum) : std::nullopt;
  }

  double idf(const std::string& name, std::uint32_t index) const {
    double rows = 0, having = 0;
    for (const auto& [id, point] : model_) {
      const auto found = point.vectors.find(name);
      if (found == point.vectors.end()) continue;
      ++rows;
      having += std::ranges::find(std::get<SparseVector>(found->second).indices, index) !=
                        std::get<SparseVector>(found->second).indices.end()
                    ? 1
                    : 0;
    }
    return std::log((rows - having + 0.5) / (having + 0.5) + 1);
  }

  void check_search(const std::string& name, const VectorConfig& config) {
    const VectorValue query = random_value(config);
    const bool filtered = chance(0.4);
    Filter filter;
    const std::vector<PointId> wanted{random_id(), random_id(), random_id(), random_id(), random_id(), random_id()};
    filter.must.push_back(HasId{{wanted.begin(), wanted.end()}});
    std::map<PointId, double> scores;
    std::vector<double> expected;
    for (const auto& [id, point] : model_) {
      const auto value = point.vectors.find(name);
      if (value == point.vectors.end() || (filtered && std::ranges::find(wanted, id) == wanted.end())) continue;
      const auto found = score(name, config, query, value->second);
      if (!found) continue;
      scores[id] = *found;
      expected.push_back(*found);
    }
    std::ranges::sort(expected, std::greater<>());
    const std::size_t limit = 1 + below(30);
    if (expected.size() > limit) expected.resize(limit);
    const VectorSearch search{.vector_name = name, .vector = &query, .filter = filtered ? &filter : nullptr, .limit = limit};
    const auto answer = collection_->search(search);
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_EQ(answer->points.size(), expected.size()) << name;
    const double scale = config.datatype == VectorDatatype::kUint8 && config.index.metric != Metric::kCosine ? 1e5 : 1;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(answer->points[i].score, expected[i], 2e-4 * scale) << name << " at " << i;
      EXPECT_NEAR(answer->points[i].score, scores.at(answer->points[i].record.id), 2e-4 * scale);
    }
  }

  void check_records() {
    const PointPage page = collection_->scroll({.limit = 1000, .vectors = {.enabled = true}}).value();
    ASSERT_EQ(page.points.size(), model_.size());
    auto expected = model_.begin();
    for (const Record& record : page.points) {
      ASSERT_EQ(record.id, expected->first);
      const std::map<std::string, VectorValue> vectors(record.vectors->begin(), record.vectors->end());
      ASSERT_EQ(vectors.size(), expected->second.vectors.size());
      for (const auto& [name, value] : expected->second.vectors) ASSERT_TRUE(close(vectors.at(name), value)) << name;
      ++expected;
    }
  }

  // Lengths are brought to 1 in floats there and in doubles here.
  static bool close(const VectorValue& found, const VectorValue& expected) {
    if (found.index() != expected.index()) return false;
    if (const auto* sparse_value = std::get_if<SparseVector>(&found)) return *sparse_value == std::get<SparseVector>(expected);
    const auto* multi = std::get_if<MultiVector>(&found);
    const auto& values = multi != nullptr ? multi->values : std::get<std::vector<float>>(found);
    const auto* other = std::get_if<MultiVector>(&expected);
    const auto& wanted = other != nullptr ? other->values : std::get<std::vector<float>>(expected);
    if (values.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::abs(values[i] - wanted[i]) > 1e-3F * (1 + std::abs(wanted[i]))) return false;
    }
    return true;
  }

  void check_all() {
    check_records();
    std::size_t indexed = 0;
    for (const auto& [id, point] : model_) indexed += point.vectors.size();
    EXPECT_EQ(collection_->statistics().indexed_vectors, indexed);
    for (const auto& [name, config] : configs_) {
      for (int i = 0; i < 3; ++i) check_search(name, config);
      Filter has;
      has.must.push_back(HasVector{name});
      const auto having = static_cast<std::uint64_t>(
          std::ranges::count_if(model_, [&name](const auto& point) { return point.second.vectors.contains(name); }));
      EXPECT_EQ(collection_->count(&has).value(), having) << name;
    }
  }

  void restart() {
    ASSERT_TRUE(collection_->save_snapshots().has_value());
    collection_.reset();
    host_.reset();
    host_.emplace(directory_.path(), limits_);
    collection_ = host_->open("c").value();
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  UpkeepLimits limits_{.snapshot_rows = 10, .snapshot_growth = 200, .reclaim_rows = 200};
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<std::string, VectorConfig> configs_;
  std::map<PointId, ModelPoint> model_;
};

TEST_F(VectorKindsModel, AgreesWithPlainLoopsOverRandomWritesAndNames) {
  host_.emplace(directory_.path(), limits_);
  configs_ = {{"sparse", sparse(SparseModifier::kNone)},
              {"idf", sparse(SparseModifier::kIdf)},
              {"multi", dense(VectorDatatype::kFloat32, Metric::kCosine, VectorKind::kMulti)},
              {"half", dense(VectorDatatype::kFloat16, Metric::kCosine)},
              {"bytes", dense(VectorDatatype::kUint8, Metric::kDot)}};
  CollectionConfig config;
  config.vectors = configs_;
  collection_ = host_->create("c", config);
  for (int step = 0; step < 500; ++step) {
    write_something();
    if (chance(0.1)) check_all();
    if (chance(0.02)) restart();
    if (chance(0.02)) {
      const Status reclaimed = reclaim(*collection_);
      ASSERT_TRUE(reclaimed.has_value()) << reclaimed.error().message;
      check_all();
    }
    if (HasFailure()) FAIL() << "at step " << step;
  }
  restart();
  check_all();
}

TEST_F(VectorKindsModel, RefusesVectorsOfAnotherKindAndSize) {
  host_.emplace(directory_.path(), limits_);
  CollectionConfig config;
  config.vectors = {{"s", sparse(SparseModifier::kNone)},
                    {"m", dense(VectorDatatype::kFloat32, Metric::kDot, VectorKind::kMulti)},
                    {"h", dense(VectorDatatype::kFloat16, Metric::kDot)}};
  collection_ = host_->create("c", config);
  const VectorValue list = std::vector<float>(kDim, 1.0F), rows = MultiVector{std::vector<float>(kDim * 2, 1.0F), kDim},
                    few = SparseVector{{1, 2}, {1, 1}};
  const auto message = [&](const char* name, const VectorValue& value) {
    const auto prepared = collection_->prepare(name, value);
    const auto searched = collection_->search({.vector_name = name, .vector = &value});
    EXPECT_EQ(prepared.has_value(), searched.has_value()) << name;
    return prepared ? std::string() : prepared.error().message;
  };
  EXPECT_EQ(message("s", list), "Conversion between sparse and regular vectors failed");
  EXPECT_EQ(message("s", rows), "Conversion between sparse and regular vectors failed");
  EXPECT_EQ(message("m", few), "Conversion between sparse and regular vectors failed");
  EXPECT_EQ(message("h", few), "Conversion between sparse and regular vectors failed");
  EXPECT_EQ(message("h", rows), "Conversion between multi and regular vectors failed");
  EXPECT_EQ(message("m", list), "");  // one row
  EXPECT_EQ(message("m", VectorValue(std::vector<float>(3, 1.0F))), "Vector dimension error: expected dim: 6, got 3");
  EXPECT_EQ(message("m", VectorValue(MultiVector{std::vector<float>(4, 1.0F), 2})),
            "Vector dimension error: expected dim: 6, got 2");
  EXPECT_EQ(message("nowhere", list), "Not existing vector name error: nowhere");
  std::vector<float> large(kDim, 70'000.0F);
  EXPECT_EQ(collection_->prepare("h", VectorValue(large)).error().message, "70000 does not fit into a float16");
}

// A search that runs while a name is removed ends well: its values leave the store with the last who may read them.
TEST_F(VectorKindsModel, NamesComeAndGoBesideSearches) {
  host_.emplace(directory_.path(), limits_);
  CollectionConfig config;
  config.vectors = {{"kept", sparse(SparseModifier::kIdf)}};
  collection_ = host_->create("c", config);
  configs_ = config.vectors;
  for (int i = 0; i < 20; ++i) upsert();
  std::atomic<bool> stop{false};
  std::atomic<int> bad{0};
  const VectorValue query = std::vector<float>(kDim, 1.0F);
  std::thread searcher([&] {
    while (!stop.load()) {
      const auto answer = collection_->search({.vector_name = "n", .vector = &query, .vectors = {.enabled = true}});
      if (!answer && answer.error().message != "Not existing vector name error: n") ++bad;
    }
  });
  for (int round = 0; round < 15; ++round) {
    for (const bool remove : {false, true}) {
      std::promise<Status> done;
      ASSERT_TRUE(collection_
                      ->update_config(
                          [&](CollectionConfig& changed) -> Status {
                            if (remove) changed.vectors.erase("n");
                            if (!remove) changed.vectors["n"] = dense(VectorDatatype::kFloat32, Metric::kEuclid);
                            return {};
                          },
                          [&done](Status status) { done.set_value(std::move(status)); })
                      .has_value());
      ASSERT_TRUE(done.get_future().get().has_value());
      if (remove) continue;
      UpdateVectorsOp op;
      for (const auto& [id, point] : model_) {
        op.points.push_back({.id = id, .vectors = {collection_->prepare("n", query).value()}, .payload = {}});
      }
      ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
    }
  }
  stop = true;
  searcher.join();
  EXPECT_EQ(bad.load(), 0);
  std::size_t left = 0;
  ASSERT_TRUE(host_->store()
                  .scan(Family::kVectors, keys::vectors(read_catalog(host_->store()).value().at("c")->table, 1, 0, kNoOrdinal),
                        nullptr,
                        [&left](std::string_view, std::string_view) {
                          ++left;
                          return true;
                        })
                  .has_value());
  EXPECT_EQ(left, 0U);
}

}  // namespace
}  // namespace orthant::test
