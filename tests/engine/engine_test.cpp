#include "engine/engine.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "engine/collection/catalog.h"
#include "engine/storage/data_directory.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() { open(); }

  void open() {
    engine_.reset();
    auto opened = Engine::open(settings_for(directory_.path()));
    if (!opened) FAIL() << opened.error().message;
    engine_ = std::move(*opened);
  }
  void expect_error(ErrorCode code, std::string_view message, const auto& result) {
    ASSERT_FALSE(result.has_value()) << "expected: " << message;
    EXPECT_EQ(error_code_name(result.error().code), error_code_name(code));
    EXPECT_NE(result.error().message.find(message), std::string::npos) << result.error().message;
  }
  std::vector<std::uint64_t> ids_of(const std::vector<ScoredPoint>& points) {
    std::vector<std::uint64_t> ids;
    for (const ScoredPoint& point : points) ids.push_back(point.record.id.as_number());
    return ids;
  }

  // A vector of the collection gets a length that it cannot have. The engine must be closed.
  void spoil(const std::string& name) {
    const DataDirectory directory = DataDirectory::open(directory_.path()).value();
    const auto store = Store::open({.path = directory.store_path()}).value();
    const TableNumber table = read_catalog(*store).value().at(name).value().table;
    StoreBatch batch(*store);
    batch.put(Family::kVectors, keys::vector(table, 0, 0),
              "\x01"
              "abc");
    ASSERT_TRUE(store->write(batch).has_value());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, CreatesListsAndDeletesCollections) {
  ASSERT_TRUE(create(*engine_, "b", one_vector(4)).has_value());
  ASSERT_TRUE(create(*engine_, "a", one_vector(4)).has_value());
  EXPECT_EQ(engine_->collection_names(), (std::vector<std::string>{"a", "b"}));
  expect_error(ErrorCode::kAlreadyExists, "Collection `a` already exists!", create(*engine_, "a", one_vector(4)));
  EXPECT_EQ(remove(*engine_, "a").value(), true);
  EXPECT_EQ(remove(*engine_, "a").value(), false);
  EXPECT_FALSE(engine_->has_collection("a"));
  expect_error(ErrorCode::kNotFound, "Collection `a` doesn't exist!", write(*engine_, "a", upsert({point(1, {1, 2, 3, 4})})));
  expect_error(ErrorCode::kNotFound, "Collection `a` doesn't exist!", count(*engine_, "a"));
  expect_error(ErrorCode::kNotFound, "Collection `a` doesn't exist!", engine_->collection_info("a"));
  open();
  EXPECT_EQ(engine_->collection_names(), std::vector<std::string>{"b"});
}

TEST_F(EngineTest, ADeletedCollectionCanBeMadeAgainEmpty) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
    EXPECT_EQ(count(*engine_, "c").value(), 0U);
    ASSERT_TRUE(write(*engine_, "c", upsert({point(1, {1, 0})})).has_value());
    EXPECT_EQ(remove(*engine_, "c").value(), true);
  }
}

TEST_F(EngineTest, RefusesBadNamesAndConfigurations) {
  for (const std::string& name : {std::string(), std::string(256, 'x'), std::string("a/b"), std::string("a\\b"),
                                  std::string("a\0b", 3), std::string("a\nb")}) {
    expect_error(ErrorCode::kInvalidArgument, "collection name", create(*engine_, name, one_vector(4)));
  }
  expect_error(ErrorCode::kInvalidArgument, "vector size 0", create(*engine_, "c", one_vector(0)));
  EXPECT_TRUE(create(*engine_, std::string(255, 'x'), one_vector(4)).has_value());
  EXPECT_TRUE(create(*engine_, "\xe2\x98\x83 snow", one_vector(4)).has_value());
}

TEST_F(EngineTest, KeepsTheConfigurationAcrossRestarts) {
  CollectionConfig config = one_vector(3, Metric::kEuclid);
  config.vectors["codes"].index = {.dim = 16, .metric = Metric::kDot, .form = VectorForm::kUbinary, .target_recall = 0.9};
  config.dialect_json = R"({"on_disk":true})";
  ASSERT_TRUE(create(*engine_, "c", config).has_value());
  open();
  const CollectionConfig found = engine_->collection_info("c").value().config;
  EXPECT_EQ(found.dialect_json, config.dialect_json);
  ASSERT_EQ(found.vectors.size(), 2U);
  EXPECT_EQ(found.vectors.at("").index.metric, Metric::kEuclid);
  EXPECT_EQ(found.vectors.at("codes").index.form, VectorForm::kUbinary);
  EXPECT_EQ(found.vectors.at("codes").index.target_recall, 0.9);
}

TEST_F(EngineTest, UpdatesTheConfigurationButNotItsFixedParts) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(3)).has_value());
  auto update = [&](auto change) {
    return wait_for<void>([&](Done<void> done) { engine_->update_collection("c", change, std::move(done)); });
  };
  ASSERT_TRUE(update([](CollectionConfig& config) -> Status { return config.dialect_json = R"({"a":1})", Status(); }).has_value());
  expect_error(ErrorCode::kInvalidArgument, "cannot be changed",
               update([](CollectionConfig& config) -> Status { return config.vectors[""].index.dim = 4, Status(); }));
  ASSERT_TRUE(update([](CollectionConfig& config) -> Status { return config.vectors["new"].index.dim = 4, Status(); }).has_value());
  ASSERT_TRUE(
      update([](CollectionConfig& config) -> Status { return config.vectors["none"].index.dim = 5, Status(); }).has_value());
  ASSERT_TRUE(update([](CollectionConfig& config) -> Status { return config.vectors.erase("none"), Status(); }).has_value());
  expect_error(ErrorCode::kFailedPrecondition, "no",
               update([](CollectionConfig&) -> Status { return fail(ErrorCode::kFailedPrecondition, "no"); }));
  open();
  EXPECT_EQ(engine_->collection_info("c").value().config.dialect_json, R"({"a":1})");
  EXPECT_EQ(engine_->collection_info("c").value().config.vectors.at("").index.dim, 3U);
  EXPECT_EQ(engine_->collection_info("c").value().config.vectors.at("new").index.dim, 4U);
  EXPECT_FALSE(engine_->collection_info("c").value().config.vectors.contains("none"));
}

TEST_F(EngineTest, ANewTargetRecallReachesTheIndex) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  ASSERT_TRUE(write(*engine_, "c", upsert({point(1, {1, 0}), point(2, {0, 1})})).has_value());
  ASSERT_TRUE(wait_for<void>([&](Done<void> done) {
                engine_->update_collection(
                    "c", [](CollectionConfig& config) -> Status { return config.vectors[""].index.target_recall = 0.9, Status(); },
                    std::move(done));
              }).has_value());
  ASSERT_TRUE(write(*engine_, "c", upsert({point(3, {1, 1})})).has_value());
  QueryRequest request;
  request.query = VectorInput(std::vector<float>{1, 0.1F});
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{1, 3, 2}));
  open();
  EXPECT_EQ(engine_->collection_info("c").value().config.vectors.at("").index.target_recall, 0.9);
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{1, 3, 2}));
}

TEST_F(EngineTest, RefusesBadVectorsAndChangesNothing) {
  CollectionConfig config = one_vector(4);
  config.vectors["codes"].index = {.dim = 9, .metric = Metric::kDot, .form = VectorForm::kUbinary};
  ASSERT_TRUE(create(*engine_, "c", config).has_value());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto refused = [&](VectorInput vector, const std::string& name, std::string_view message) {
    PointInput bad{.id = PointId::number(2), .vectors = {{name, std::move(vector)}}};
    expect_error(ErrorCode::kInvalidArgument, message, write(*engine_, "c", upsert({point(1, {1, 2, 3, 4}), bad})));
  };
  refused(std::vector<float>{1, 2, 3}, "", "Vector dimension error: expected dim: 4, got 3");
  refused(std::vector<float>{}, "", "Vector dimension error: expected dim: 4, got 0");
  refused(std::vector<float>{1, 2, 3, nan}, "", "");
  refused(std::vector<float>{1, 2, 3, INFINITY}, "", "");
  refused(std::vector<float>{1, 2, 3, 4}, "x", "Not existing vector name error: x");
  refused(CodeInput{{1}}, "codes", "expected 2 code bytes, got 1");
  refused(CodeInput{{1}}, "", "takes floats");
  refused(std::vector<float>(9), "codes", "takes ready codes");
  refused(TextInput{"", ""}, "", "points[1].vector.text: empty");
  EXPECT_EQ(count(*engine_, "c").value(), 0U);
}

TEST_F(EngineTest, SkipsInvalidPointsWhereAsked) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  UpsertRequest request = upsert({point(1, {1, 2}), point(2, {1}), point(3, {3, 4}), text_point(4, "")});
  request.skip_invalid = true;
  const WriteResult result = write(*engine_, "c", request).value();
  ASSERT_EQ(result.rejected.size(), 2U);
  EXPECT_EQ(result.rejected[0].position, 1U);
  EXPECT_EQ(result.rejected[0].error.message, "Vector dimension error: expected dim: 2, got 1");
  EXPECT_EQ(result.rejected[1].position, 3U);
  EXPECT_EQ(count(*engine_, "c").value(), 2U);
}

TEST_F(EngineTest, AppliesTheOperationsOfACallInOrder) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  const std::vector<PointId> first = {PointId::number(1)};
  const auto results = write(*engine_, "c",
                             std::vector<WriteRequest>{upsert({point(1, {1, 0}, R"({"a":1})"), point(2, {0, 1})}),
                                                       SetPayload{first, R"({"b":2})", {}},
                                                       DeletePoints{std::vector{PointId::number(2)}}, DeletePayload{first, {"a"}}})
                           .value();
  ASSERT_EQ(results.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i].operation_id, i + 1);
  const auto records =
      retrieve(*engine_, "c", {.ids = {PointId::number(1), PointId::number(2)}, .payload = {.enabled = true}, .vectors = {}})
          .value();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload, R"({"b":2})");
  EXPECT_EQ(records[0].version, 4U);
}

TEST_F(EngineTest, RefusesToEditPointsThatDoNotExist) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  ASSERT_TRUE(write(*engine_, "c", upsert({point(1, {1, 0})})).has_value());
  const std::vector<PointId> ids = {PointId::number(1), PointId::number(7)};
  expect_error(ErrorCode::kNotFound, "No point with id 7 found", write(*engine_, "c", SetPayload{ids, R"({"b":2})", {}}));
  expect_error(ErrorCode::kNotFound, "No point with id 7 found", write(*engine_, "c", UpdateVectors{{point(7, {1, 1})}}));
  EXPECT_EQ(retrieve(*engine_, "c", {.ids = ids, .payload = {.enabled = true}, .vectors = {}}).value().front().payload, "{}");
}

TEST_F(EngineTest, QueriesByVectorAndByPoint) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  ASSERT_TRUE(create(*engine_, "other", one_vector(2)).has_value());
  ASSERT_TRUE(
      write(*engine_, "c", upsert({point(1, {1, 0}), point(2, {1, 0.2F}), point(3, {0, 1}), point(4, {-1, 0})})).has_value());
  ASSERT_TRUE(write(*engine_, "other", upsert({point(1, {0, 1})})).has_value());
  QueryRequest request;
  request.query = VectorInput(std::vector<float>{2, 0});
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  request.limit = 2;
  request.offset = 1;
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{2, 3}));
  request.offset = 0;
  request.score_threshold = 0.99F;
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), std::vector<std::uint64_t>{1});
  request.score_threshold.reset();
  request.query = PointId::number(1);
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{2, 3})) << "the example is left out";
  request.lookup_collection = "other";
  EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{3, 2}));
  request.query = PointId::number(9);
  expect_error(ErrorCode::kNotFound, "No point with id 9 found", query(*engine_, "c", request));
  request.lookup_vector = "x";
  expect_error(ErrorCode::kInvalidArgument, "Not existing vector name error: x", query(*engine_, "c", request));
  request.lookup_collection = "y";
  expect_error(ErrorCode::kNotFound, "Collection y not found", query(*engine_, "c", request));
}

TEST_F(EngineTest, AQueryWithoutAVectorGivesPointsById) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  ASSERT_TRUE(write(*engine_, "c", upsert({point(3, {1, 0}), point(1, {0, 1}), point(2, {1, 1})})).has_value());
  QueryRequest request;
  request.limit = 2;
  request.offset = 1;
  const auto points = query(*engine_, "c", request).value().points;
  EXPECT_EQ(ids_of(points), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(points.front().score, 1);
}

TEST_F(EngineTest, RefusesBadQueries) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  ASSERT_TRUE(write(*engine_, "c", upsert({point(3, {1, 0})})).has_value());
  QueryRequest request;
  request.query = VectorInput(std::vector<float>{1, 2, 3});
  expect_error(ErrorCode::kInvalidArgument, "Vector dimension error: expected dim: 2, got 3", query(*engine_, "c", request));
  request.query = VectorInput(std::vector<float>{1, NAN});
  expect_error(ErrorCode::kInvalidArgument, "NaN", query(*engine_, "c", request));
  request.query = VectorInput(std::vector<float>{1, 2});
  request.vector_name = "x";
  expect_error(ErrorCode::kInvalidArgument, "Not existing vector name error: x", query(*engine_, "c", request));
  request.query = VectorInput(TextInput{"words", "m"});
  request.vector_name = "";
  expect_error(ErrorCode::kNotFound, "model `m` is not loaded; loaded: none", query(*engine_, "c", request));
}

// Queries of a call that are alike share a pass over the codes; nothing of that shows.
TEST_F(EngineTest, AnswersQueriesOfABatchAsOneByOne) {
  constexpr std::size_t kDim = 24;
  std::mt19937_64 random(random_seed());
  std::normal_distribution<float> normal;
  const auto vector = [&] {
    std::vector<float> values(kDim);
    for (float& value : values) value = normal(random);
    return values;
  };
  for (Metric metric : {Metric::kCosine, Metric::kEuclid}) {
    const std::string name(metric_name(metric));
    CollectionConfig config = one_vector(kDim, metric);
    config.vectors[""].index.residency = FloatResidency::kDisk;  // codes are scanned
    ASSERT_TRUE(create(*engine_, name, config).has_value());
    std::vector<PointInput> points;
    for (std::uint64_t id = 0; id < 1'500; ++id)
      points.push_back(point(id, vector(), R"({"even": )" + std::to_string(id % 2) + "}"));
    ASSERT_TRUE(write(*engine_, name, upsert(std::move(points))).has_value());
    std::vector<QueryRequest> requests(40);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].query = VectorInput(vector());
      requests[i].payload.enabled = i % 5 == 0;
      if (i >= 25 && i < 28) requests[i].limit = 3;
      if (i == 29) requests[i].query = PointId::number(7);
      if (i == 30) requests[i].query = std::monostate();
      if (i >= 32) requests[i].offset = 2;
      if (i >= 36) requests[i].score_threshold = metric == Metric::kCosine ? 0.5F : 5.0F;
    }
    const auto together = wait_for<std::vector<QueryResult>>(
        [&](Done<std::vector<QueryResult>> done) { engine_->query(name, requests, {}, std::move(done)); });
    ASSERT_TRUE(together.has_value());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const QueryResult alone = query(*engine_, name, requests[i]).value();
      ASSERT_EQ(ids_of((*together)[i].points), ids_of(alone.points)) << i;
      for (std::size_t rank = 0; rank < alone.points.size(); ++rank) {
        ASSERT_EQ((*together)[i].points[rank].score, alone.points[rank].score) << i;
        ASSERT_EQ((*together)[i].points[rank].record.payload, alone.points[rank].record.payload) << i;
      }
    }
    requests[21].query = VectorInput(std::vector<float>{1, 2});
    expect_error(ErrorCode::kInvalidArgument, "Vector dimension error: expected dim: 24, got 2",
                 wait_for<std::vector<QueryResult>>(
                     [&](Done<std::vector<QueryResult>> done) { engine_->query(name, requests, {}, std::move(done)); }));
  }
}

TEST_F(EngineTest, TakesReadyCodes) {
  CollectionConfig config;
  config.vectors[""].index = {.dim = 12, .metric = Metric::kDot, .form = VectorForm::kUbinary};
  config.vectors["i"].index = {.dim = 4, .metric = Metric::kDot, .form = VectorForm::kInt8};
  ASSERT_TRUE(create(*engine_, "c", config).has_value());
  ASSERT_TRUE(
      write(*engine_, "c",
            upsert({{.id = PointId::number(1), .vectors = {{"", CodeInput{{0xf0, 0x00}}}, {"i", CodeInput{{1, 2, 3, 0xff}}}}},
                    {.id = PointId::number(2), .vectors = {{"", CodeInput{{0x0f, 0xf0}}}}}}))
          .has_value());
  for (int round = 0; round < 2; ++round) {
    QueryRequest request;
    request.query = VectorInput(CodeInput{{0x0f, 0xf0}});
    EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), (std::vector<std::uint64_t>{2, 1}));
    request.query = VectorInput(CodeInput{{1, 1, 1, 1}});
    request.vector_name = "i";
    EXPECT_EQ(ids_of(query(*engine_, "c", request).value().points), std::vector<std::uint64_t>{1});
    const auto records =
        retrieve(*engine_, "c", {.ids = {PointId::number(1)}, .payload = {}, .vectors = {.enabled = true, .names = {"i"}}}).value();
    EXPECT_EQ(records.front().vectors->front().second, VectorValue(std::vector<float>{1, 2, 3, -1}));
    open();
  }
}

TEST_F(EngineTest, DropsWorkThatNobodyWaitsFor) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  RequestContext late;
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  RequestContext left;
  left.cancelled = std::make_shared<const std::atomic<bool>>(true);
  std::vector<WriteRequest> requests = {upsert({point(1, {1, 0})})};
  expect_error(ErrorCode::kDeadlineExceeded, "", write(*engine_, "c", requests, {}, late));
  expect_error(ErrorCode::kCancelled, "", write(*engine_, "c", requests, {}, left));
  QueryRequest request;
  expect_error(ErrorCode::kDeadlineExceeded, "", query(*engine_, "c", request, late));
  expect_error(ErrorCode::kCancelled, "", query(*engine_, "c", request, left));
  EXPECT_EQ(count(*engine_, "c").value(), 0U);
}

TEST_F(EngineTest, AnswersWaitTimeoutAndGoesOnWriting) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  std::vector<PointInput> points;
  for (std::uint64_t i = 0; i < 5000; ++i) points.push_back(point(i, {1, static_cast<float>(i)}));
  WriteOptions options;
  options.timeout = std::chrono::milliseconds(0);
  const WriteResult result = write(*engine_, "c", upsert(points), options).value();
  EXPECT_EQ(result.status, WriteStatus::kWaitTimeout);
  // Queued behind it, so answered after it.
  EXPECT_EQ(write(*engine_, "c", upsert({point(9999, {1, 1})})).value().status, WriteStatus::kCompleted);
  while (count(*engine_, "c").value() < 5001) std::this_thread::yield();
}

TEST_F(EngineTest, ManyWritersShareTheSyncsOfTheLog) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2)).has_value());
  std::vector<std::jthread> writers;
  std::atomic<int> failures{0};
  for (std::uint64_t writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      for (std::uint64_t i = 0; i < 50; ++i) {
        const bool wait = i % 2 == 0;
        const auto result =
            write(*engine_, "c", upsert({point(writer * 50 + i, {1, static_cast<float>(i)})}), {.wait = wait, .timeout = {}});
        if (!result || result->status != (wait ? WriteStatus::kCompleted : WriteStatus::kAcknowledged)) ++failures;
        // Visible once answered, waited for or not.
        const auto found = retrieve(*engine_, "c", {.ids = {PointId::number(writer * 50 + i)}, .payload = {}, .vectors = {}});
        if (!found || found->size() != 1) ++failures;
      }
    });
  }
  writers.clear();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(count(*engine_, "c").value(), 400U);
}

TEST_F(EngineTest, SearchesGoOnWhilePointsAreReplacedAndReclaimed) {
  ASSERT_TRUE(create(*engine_, "c", one_vector(2, Metric::kDot)).has_value());
  std::vector<PointInput> points;
  for (std::uint64_t i = 0; i < 200; ++i) points.push_back(point(i, {1, static_cast<float>(i)}));
  ASSERT_TRUE(write(*engine_, "c", upsert(points)).has_value());
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::atomic<int> searches{0};
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!stop) {
        QueryRequest request;
        request.query = VectorInput(std::vector<float>{1, 1});
        request.limit = 50;
        const auto found = query(*engine_, "c", request);
        if (!found) {
          ++failures;
          continue;
        }
        ++searches;
        std::set<PointId> ids;
        for (const ScoredPoint& hit : found->points) ids.insert(hit.record.id);
        if (ids.size() != found->points.size()) ++failures;
      }
    });
  }
  // 60 rounds x 200 points bury 12,000 rows: the table is reclaimed on the way.
  for (int round = 0; round < 60; ++round)
    ASSERT_TRUE(write(*engine_, "c", upsert(points), {.wait = false, .timeout = {}}).has_value());
  stop = true;
  readers.clear();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(searches, 0);
  EXPECT_EQ(count(*engine_, "c").value(), 200U);
  open();
  EXPECT_EQ(count(*engine_, "c").value(), 200U);
}

TEST_F(EngineTest, ADamagedCollectionLeavesTheOthersAlone) {
  ASSERT_TRUE(create(*engine_, "good", one_vector(2)).has_value());
  ASSERT_TRUE(create(*engine_, "bad", one_vector(2)).has_value());
  ASSERT_TRUE(write(*engine_, "good", upsert({point(1, {1, 0})})).has_value());
  ASSERT_TRUE(write(*engine_, "bad", upsert({point(1, {1, 0}), point(2, {0, 1})})).has_value());
  engine_.reset();
  spoil("bad");
  open();
  EXPECT_EQ(count(*engine_, "good").value(), 1U);
  const CollectionInfo info = engine_->collection_info("bad").value();
  ASSERT_TRUE(info.fault.has_value());
  EXPECT_EQ(info.fault->code, ErrorCode::kDataCorruption);
  expect_error(ErrorCode::kDataCorruption, "Collection `bad` cannot be used", count(*engine_, "bad"));
  expect_error(ErrorCode::kDataCorruption, "Collection `bad` cannot be used", write(*engine_, "bad", upsert({point(1, {1, 0})})));
  EXPECT_EQ(remove(*engine_, "bad").value(), true);
  ASSERT_TRUE(create(*engine_, "bad", one_vector(2)).has_value());
  EXPECT_EQ(count(*engine_, "bad").value(), 0U);
}

TEST_F(EngineTest, ASecondEngineOnTheDirectoryIsRefused) {
  const auto second = Engine::open(settings_for(directory_.path()));
  expect_error(ErrorCode::kFailedPrecondition, "held by another process", second);
}

TEST_F(EngineTest, AnUnknownModelStopsTheStart) {
  engine_.reset();
  Settings settings = settings_for(directory_.path());
  settings.models = {"no-such-model"};
  ASSERT_FALSE(Engine::open(settings).has_value());
  open();  // and leaves the directory as it was
}

}  // namespace
}  // namespace orthant::test
