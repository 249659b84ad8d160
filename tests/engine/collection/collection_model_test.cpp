// Random writes against a model (a std::map), with restarts, lost snapshots and reclaims between them; every read is compared.

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 8;
const std::vector<std::string> kVectorNames = {"", "other"};

// Payloads of this test are flat: "a", "b", "c" with small integers.
using ModelPayload = std::map<std::string, int>;

struct ModelPoint {
  ModelPayload payload;
  std::map<std::string, std::vector<float>> vectors;
  std::uint64_t version = 0;
};
using Model = std::map<PointId, ModelPoint>;

std::string to_json(const ModelPayload& payload) {
  std::string json = "{";
  for (const auto& [key, value] : payload) json += fmt::format("{}\"{}\":{}", json.size() > 1 ? "," : "", key, value);
  return json + "}";
}

ModelPayload from_json(std::string_view json) {
  ModelPayload payload;
  for (std::size_t quote = json.find('"'); quote != std::string_view::npos; quote = json.find('"', quote + 4)) {
    payload[std::string(json.substr(quote + 1, 1))] = std::stoi(std::string(json.substr(quote + 4)));
  }
  return payload;
}

// A filter and the same as a plain test.
struct TestedFilter {
  Filter filter;
  std::function<bool(const PointId&, const ModelPoint&)> matches;
};

class CollectionModel : public testing::Test {
 protected:
  CollectionModel() : random_(random_seed()) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }

  PointId random_id() {
    const std::size_t number = below(200);
    if (number % 4 == 0) return PointId::from_name(std::to_string(number));
    return PointId::number(number % 5 == 0 ? ~std::uint64_t{number} : number);
  }
  std::vector<PointId> random_ids() {
    std::vector<PointId> ids(1 + below(5));
    for (PointId& id : ids) id = random_id();
    return ids;
  }
  std::vector<PointId> existing_ids() {
    std::vector<PointId> ids;
    for (const auto& [id, point] : model_) {
      if (chance(0.03)) ids.push_back(id);
    }
    return ids;
  }
  std::vector<float> random_vector() {
    std::vector<float> vector(kDim);
    for (float& value : vector) value = std::normal_distribution<float>()(random_);
    return vector;
  }
  ModelPayload random_payload() {
    ModelPayload payload;
    for (const char* key : {"a", "b", "c"}) {
      if (chance(0.6)) payload[key] = static_cast<int>(below(5));
    }
    return payload;
  }
  std::map<std::string, std::vector<float>> random_vectors() {
    std::map<std::string, std::vector<float>> vectors;
    for (const std::string& name : kVectorNames) {
      if (chance(0.8)) vectors[name] = random_vector();
    }
    return vectors;
  }

  TestedFilter random_filter() {
    TestedFilter tested;
    switch (below(4)) {
      case 0: {
        const int value = static_cast<int>(below(5));
        tested.filter.must.push_back(FieldCondition{"a", MatchValue{std::int64_t{value}}});
        tested.matches = [value](const PointId&, const ModelPoint& point) {
          const auto found = point.payload.find("a");
          return found != point.payload.end() && found->second == value;
        };
        break;
      }
      case 1: {
        tested.filter.must_not.push_back(HasVector{"other"});
        tested.filter.must.push_back(FieldCondition{"b", NumberRange{.gt = {}, .gte = 2.0, .lt = {}, .lte = {}}});
        tested.matches = [](const PointId&, const ModelPoint& point) {
          const auto found = point.payload.find("b");
          return !point.vectors.contains("other") && found != point.payload.end() && found->second >= 2;
        };
        break;
      }
      case 2: {
        const std::vector<PointId> ids = random_ids();
        tested.filter.must.push_back(HasId{{ids.begin(), ids.end()}});
        tested.matches = [ids](const PointId& id, const ModelPoint&) { return std::ranges::find(ids, id) != ids.end(); };
        break;
      }
      default: {
        tested.filter.should.push_back(FieldCondition{"c", MatchValue{std::int64_t{1}}});
        tested.filter.should.push_back(FieldCondition{"c", MatchValue{std::int64_t{3}}});
        tested.matches = [](const PointId&, const ModelPoint& point) {
          const auto found = point.payload.find("c");
          return found != point.payload.end() && (found->second == 1 || found->second == 3);
        };
      }
    }
    return tested;
  }

  // Ids, and the same as a selector of either kind.
  std::pair<PointSelector, std::vector<PointId>> random_selector(bool must_exist) {
    if (chance(0.5)) {
      std::vector<PointId> ids = must_exist ? existing_ids() : random_ids();
      return {ids, ids};
    }
    const TestedFilter tested = random_filter();
    std::vector<PointId> ids;
    for (const auto& [id, point] : model_) {
      if (tested.matches(id, point)) ids.push_back(id);
    }
    return {tested.filter, ids};
  }

  std::vector<PreparedVector> prepare(const std::map<std::string, std::vector<float>>& vectors) {
    std::vector<PreparedVector> prepared;
    for (const auto& [name, vector] : vectors) prepared.push_back(collection_->prepare_floats(name, vector).value());
    return prepared;
  }

  // Every op returns what the model becomes at operation `version`.
  WriteOp random_upsert(Model& after, std::uint64_t version) {
    UpsertOp op;
    op.mode = static_cast<UpdateMode>(below(3));
    if (chance(0.5)) op.mode = UpdateMode::kUpsert;
    std::optional<TestedFilter> condition;
    if (chance(0.3)) condition = random_filter();
    if (condition) op.update_filter = condition->filter;
    std::map<PointId, ModelPoint> last;
    for (std::size_t i = 0, count = 1 + below(20); i < count; ++i) {
      const PointId id = random_id();
      ModelPoint point{random_payload(), random_vectors(), version};
      op.points.push_back({id, prepare(point.vectors), to_json(point.payload)});
      last[id] = std::move(point);
    }
    for (auto& [id, point] : last) {
      const auto existing = model_.find(id);
      if (existing == model_.end()) {
        if (op.mode != UpdateMode::kUpdateOnly) after[id] = point;
      } else if (op.mode != UpdateMode::kInsertOnly && (!condition || condition->matches(id, existing->second))) {
        after[id] = point;
      }
    }
    return op;
  }

  WriteOp random_vector_update(Model& after, std::uint64_t version) {
    UpdateVectorsOp op;
    for (const PointId& id : existing_ids()) {
      const auto vectors = random_vectors();
      op.points.push_back({id, prepare(vectors), ""});
      for (const auto& [name, vector] : vectors) after[id].vectors[name] = vector;
      after[id].version = version;
    }
    return op;
  }

  WriteOp random_edit(Model& after, std::uint64_t version) {
    auto [selector, ids] = random_selector(true);
    EditPayloadOp op{std::move(selector), static_cast<PayloadEdit>(below(4)), {}, {}, {}};
    const ModelPayload payload = random_payload();
    if (op.edit == PayloadEdit::kSet || op.edit == PayloadEdit::kOverwrite) op.payload = to_json(payload);
    if (op.edit == PayloadEdit::kDelete) op.keys = {"a", "c"};
    for (const PointId& id : ids) {
      ModelPoint& point = after.at(id);
      point.version = version;
      switch (op.edit) {
        case PayloadEdit::kSet:
          for (const auto& [key, value] : payload) point.payload[key] = value;
          break;
        case PayloadEdit::kOverwrite: point.payload = payload; break;
        case PayloadEdit::kDelete:
          point.payload.erase("a");
          point.payload.erase("c");
          break;
        case PayloadEdit::kClear: point.payload.clear(); break;
      }
    }
    return op;
  }

  WriteOp random_vector_deletion(Model& after, std::uint64_t version) {
    auto [selector, ids] = random_selector(false);
    const std::string& name = kVectorNames[below(2)];
    for (const PointId& id : ids) {
      const auto found = after.find(id);
      if (found != after.end() && found->second.vectors.erase(name) != 0) found->second.version = version;
    }
    return DeleteVectorsOp{std::move(selector), {collection_->slot_of(name).value()}};
  }

  void write_something() {
    Model after = model_;
    const std::uint64_t version = operations_ + 1;
    WriteOp op;
    switch (below(8)) {
      case 0: {
        auto [selector, ids] = random_selector(false);
        for (const PointId& id : ids) after.erase(id);
        op = DeletePointsOp{std::move(selector)};
        break;
      }
      case 1: op = random_edit(after, version); break;
      case 2: op = random_vector_deletion(after, version); break;
      case 3: op = random_vector_update(after, version); break;
      default: op = random_upsert(after, version);
    }
    const auto ids = write(*collection_, std::move(op), chance(0.1));
    ASSERT_TRUE(ids.has_value()) << ids.error().message;
    ASSERT_EQ(ids->front(), version);
    operations_ = version;
    model_ = std::move(after);
  }

  void check_record(const Record& record, const ModelPoint& point) {
    EXPECT_EQ(record.version, point.version) << record.id.to_string();
    EXPECT_EQ(from_json(*record.payload), point.payload) << *record.payload;
    const std::map<std::string, VectorValue> vectors(record.vectors->begin(), record.vectors->end());
    const std::map<std::string, VectorValue> expected(point.vectors.begin(), point.vectors.end());
    EXPECT_EQ(vectors, expected);
  }

  void check_scroll() {
    const TestedFilter tested = random_filter();
    const bool filtered = chance(0.5);
    std::vector<PointId> expected;
    for (const auto& [id, point] : model_) {
      if (!filtered || tested.matches(id, point)) expected.push_back(id);
    }
    std::vector<PointId> found;
    std::optional<PointId> from;
    do {
      PointPage page = collection_
                           ->scroll({.from = from,
                                     .filter = filtered ? &tested.filter : nullptr,
                                     .limit = 7,
                                     .offset = 0,
                                     .payload = {.enabled = true, .include = {}, .exclude = {}},
                                     .vectors = {.enabled = true, .names = {}}})
                           .value();
      for (const Record& record : page.points) {
        found.push_back(record.id);
        check_record(record, model_.at(record.id));
      }
      from = page.next;
    } while (from);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(collection_->count(filtered ? &tested.filter : nullptr).value(), expected.size());
  }

  void check_search() {
    const std::string& name = kVectorNames[below(2)];
    const TestedFilter tested = random_filter();
    const bool filtered = chance(0.5);
    const std::vector<float> query = random_vector();
    std::vector<float> expected;
    for (const auto& [id, point] : model_) {
      const auto vector = point.vectors.find(name);
      if (vector == point.vectors.end() || (filtered && !tested.matches(id, point))) continue;
      double dot = 0;
      for (std::size_t i = 0; i < kDim; ++i) dot += double{query[i]} * vector->second[i];
      expected.push_back(static_cast<float>(dot));
    }
    std::ranges::sort(expected, std::greater<>());
    const std::size_t offset = below(3);
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(std::min(offset, expected.size())));
    if (expected.size() > 10) expected.resize(10);
    const VectorValue wanted = query;
    VectorSearch search{.vector_name = name, .vector = &wanted, .filter = filtered ? &tested.filter : nullptr};
    search.offset = offset;
    const auto answer = collection_->search(search).value();
    ASSERT_EQ(answer.points.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(answer.points[i].score, expected[i], 1e-4);
  }

  void check_retrieve() {
    const std::vector<PointId> ids = random_ids();
    std::vector<PointId> expected;
    for (const PointId& id : ids) {
      if (model_.contains(id)) expected.push_back(id);
    }
    const auto records =
        collection_->retrieve(ids, {.enabled = true, .include = {}, .exclude = {}}, {.enabled = true, .names = {}}).value();
    ASSERT_EQ(records.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(records[i].id, expected[i]);
      check_record(records[i], model_.at(expected[i]));
    }
  }

  void check_all() {
    EXPECT_EQ(collection_->statistics().points, model_.size());
    check_scroll();
    check_retrieve();
    for (int i = 0; i < 3; ++i) check_search();
  }

  void restart(bool lose_snapshots) {
    ASSERT_TRUE(collection_->save_snapshots().has_value());
    collection_.reset();
    const std::filesystem::path index_path = host_->directory().index_path();
    host_.reset();
    if (lose_snapshots) std::filesystem::remove_all(index_path);
    host_.emplace(directory_.path(), limits_);
    collection_ = host_->open("c").value();
  }

  void run(int steps) {
    host_.emplace(directory_.path(), limits_);
    CollectionConfig config = one_vector(kDim);
    config.vectors["other"] = config.vectors[""];
    collection_ = host_->create("c", config);
    for (int step = 0; step < steps; ++step) {
      write_something();
      if (chance(0.2)) check_all();
      if (chance(0.02)) restart(chance(0.5));
      if (chance(0.02)) {
        ASSERT_TRUE(reclaim(*collection_).has_value());
        EXPECT_EQ(collection_->statistics().buried_rows, 0U);
        check_all();
      }
      if (HasFailure()) FAIL() << "at step " << step;
    }
    restart(false);
    check_all();
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  UpkeepLimits limits_{.snapshot_rows = 10, .snapshot_growth = 200, .reclaim_rows = 300};
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  Model model_;
  std::uint64_t operations_ = 0;
};

TEST_F(CollectionModel, AgreesWithAMapOverRandomWritesRestartsAndReclaims) {
  run(600);
}

}  // namespace
}  // namespace orthant::test
