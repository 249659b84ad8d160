// The index is a view of the store: snapshots may be stale, damaged, foreign or gone, and every search answers as before.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <latch>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 32;
constexpr std::size_t kPoints = 3000;

class Recovery : public testing::Test {
 protected:
  Recovery() : random_(random_seed()) {
    host_.emplace(directory_.path(), kLimits);
    CollectionConfig config = one_vector(kDim);
    config.vectors[""].index.exact_below_bytes = 0;  // through the codes
    collection_ = host_->create("c", config);
    add(0, kPoints);
  }

  void add(std::uint64_t first, std::size_t count) {
    UpsertOp op;
    for (std::uint64_t id = first; id < first + count; ++id) {
      model_[id] = random_vector();
      op.points.push_back({PointId::number(id), {collection_->prepare_floats("", model_[id]).value()}, "{}"});
    }
    ASSERT_TRUE(write(*collection_, std::move(op)).has_value());
  }
  std::vector<float> random_vector() {
    std::vector<float> vector(kDim);
    for (float& value : vector) value = std::normal_distribution<float>()(random_);
    return vector;
  }
  std::vector<std::filesystem::path> snapshots() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "index")) files.push_back(entry.path());
    return files;
  }
  void close() {
    collection_.reset();
    host_.reset();
  }
  void open() {
    host_.emplace(directory_.path(), kLimits);
    auto opened = host_->open("c");
    if (!opened) FAIL() << opened.error().message;
    collection_ = std::move(*opened);
  }
  // Exact answers for fixed queries: by id, so any lost, doubled or misplaced row shows.
  std::vector<std::pair<PointId, float>> answers() {
    std::mt19937_64 queries(1);
    std::vector<std::pair<PointId, float>> found;
    for (int i = 0; i < 20; ++i) {
      std::vector<float> query(kDim);
      for (float& value : query) value = std::normal_distribution<float>()(queries);
      const VectorValue wanted = query;
      SearchParams params;
      params.exact = true;
      const auto answer = collection_->search({.vector_name = "", .vector = &wanted, .limit = 20, .params = params}).value();
      for (const ScoredPoint& point : answer.points) found.emplace_back(point.record.id, point.score);
    }
    return found;
  }

  void remove(std::uint64_t id) {
    model_.erase(id);
    ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(id)}}, false).has_value());
  }
  // Against the model: every point is there with its vector, and searches find the best of all.
  void check_against_model() {
    EXPECT_EQ(collection_->statistics().points, model_.size());
    EXPECT_EQ(collection_->statistics().indexed_vectors, model_.size());
    const PointPage page = collection_->scroll({.limit = model_.size() + 1, .vectors = {.enabled = true}}).value();
    ASSERT_EQ(page.points.size(), model_.size());
    for (const Record& record : page.points)
      ASSERT_EQ(record.vectors->front().second, VectorValue(model_.at(record.id.as_number())));
    for (int i = 0; i < 20; ++i) {
      const std::vector<float> query = random_vector();
      std::vector<float> expected;
      for (const auto& [id, vector] : model_) {
        expected.push_back(std::inner_product(query.begin(), query.end(), vector.begin(), 0.0F));
      }
      std::ranges::sort(expected, std::greater<>());
      const VectorValue wanted = query;
      SearchParams params;
      params.exact = true;
      const auto answer = collection_->search({.vector_name = "", .vector = &wanted, .limit = 20, .params = params}).value();
      ASSERT_EQ(answer.points.size(), 20U);
      for (std::size_t k = 0; k < 20; ++k) ASSERT_NEAR(answer.points[k].score, expected[k], 1e-3);
    }
  }

  static constexpr UpkeepLimits kLimits{.snapshot_rows = 100, .snapshot_growth = 1'000'000, .reclaim_rows = 1'000'000};
  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<std::uint64_t, std::vector<float>> model_;  // what add() and remove() left
};

// Holds all background threads, once what they were at is done, for as long as it lives.
class BackgroundPause {
 public:
  explicit BackgroundPause(Host& host) {
    ThreadPool& pool = host.environment().background_pool;
    const auto held = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(pool.thread_count()));
    for (std::size_t i = 0; i < pool.thread_count(); ++i) {
      EXPECT_TRUE(pool.submit([held, released = released_] {
        held->count_down();
        released.wait();
      }));
    }
    held->wait();
  }
  ~BackgroundPause() { release_.set_value(); }
  BackgroundPause(const BackgroundPause&) = delete;
  BackgroundPause& operator=(const BackgroundPause&) = delete;

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

// Else each restart would measure again, which takes seconds in large collections.
TEST_F(Recovery, DepthsMeasuredAfterTheLastSnapshotSurviveARestart) {
  constexpr std::size_t kRows = 1'500;
  CollectionConfig config = one_vector(kDim);
  config.vectors[""].index.exact_below_bytes = 0;
  config.vectors[""].index.binary_codes = BinaryCodes::kSign;  // no training beside
  collection_ = host_->create("signs", config);
  const auto calibrated_rows = [&] {
    const VectorValue wanted = random_vector();
    return collection_->search({.vector = &wanted, .explain = true}).value().explanation->trace.plan.calibrated_rows;
  };
  {
    const BackgroundPause pause(*host_);
    add(0, kRows);
    ASSERT_TRUE(collection_->save_snapshots());
    ASSERT_EQ(calibrated_rows(), 0U);
  }
  while (calibrated_rows() == 0) std::this_thread::yield();
  {
    const BackgroundPause pause(*host_);
    ASSERT_TRUE(collection_->save_snapshots());  // as when an engine closes
  }
  close();
  host_.emplace(directory_.path(), kLimits);
  const BackgroundPause pause(*host_);
  collection_ = host_->open("signs").value();
  EXPECT_EQ(calibrated_rows(), kRows);
}

TEST_F(Recovery, AnswersAsBeforeWithoutASnapshot) {
  const auto before = answers();
  ASSERT_TRUE(snapshots().empty());
  close();
  open();
  EXPECT_EQ(answers(), before);
}

TEST_F(Recovery, AnswersAsBeforeFromASnapshotAndWhatCameAfter) {
  ASSERT_TRUE(collection_->save_snapshots().has_value());
  ASSERT_EQ(snapshots().size(), 1U);
  add(kPoints, 500);  // after the snapshot: new points,
  add(100, 200);      // replaced ones
  ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(7), PointId::number(3100)}}).has_value());
  ASSERT_TRUE(write(*collection_, DeleteVectorsOp{std::vector{PointId::number(9)}, {0}}).has_value());
  const auto before = answers();
  close();
  open();
  EXPECT_EQ(answers(), before);
  EXPECT_EQ(collection_->statistics().points, kPoints + 500 - 2);
  EXPECT_EQ(collection_->statistics().indexed_vectors, kPoints + 500 - 3);
  std::filesystem::remove_all(directory_.path() / "index");
  close();
  open();
  EXPECT_EQ(answers(), before);
  EXPECT_EQ(collection_->statistics().indexed_vectors, kPoints + 500 - 3);
}

TEST_F(Recovery, RebuildsOverADamagedSnapshot) {
  const auto before = answers();
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(collection_->save_snapshots().has_value());
    close();
    for (const auto& file : snapshots()) {
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      const auto position = static_cast<std::streamoff>(random_() % std::filesystem::file_size(file));
      bytes.seekg(position);
      const int byte = bytes.get();
      bytes.seekp(position).put(static_cast<char>(~byte));
    }
    open();
    EXPECT_EQ(answers(), before);
    add(kPoints + static_cast<std::uint64_t>(round), 1);  // so that the next round has something to save
    ASSERT_TRUE(
        write(*collection_, DeletePointsOp{std::vector{PointId::number(kPoints + static_cast<std::uint64_t>(round))}}).has_value());
  }
}

TEST_F(Recovery, RebuildsWhereTheSnapshotKnowsMoreThanTheStore) {
  // As after a power cut that took unsynced rows, if the snapshot had been saved without syncing them first.
  add(kPoints, 50);
  ASSERT_TRUE(collection_->save_snapshots().has_value());
  close();
  {
    Host host(directory_.path());
    const StoredTable table(host.store(), 1);
    StoreBatch batch(host.store());
    for (Ordinal ordinal = kPoints; ordinal < kPoints + 50; ++ordinal) {
      batch.remove(Family::kRows, keys::point(1, ordinal));
      batch.remove(Family::kVectors, keys::vector(1, 0, ordinal));
      table.remove_id(batch, PointId::number(ordinal));
    }
    ASSERT_TRUE(host.store().write(batch).has_value());
  }
  open();
  EXPECT_EQ(collection_->statistics().indexed_vectors, kPoints);
  const auto with_snapshot = answers();
  std::filesystem::remove_all(directory_.path() / "index");
  close();
  open();
  EXPECT_EQ(answers(), with_snapshot);
}

TEST_F(Recovery, ReclaimGivesTheSpaceOfBuriedRowsBack) {
  ASSERT_TRUE(collection_->save_snapshots().has_value());
  add(0, 2000);
  ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(2500)}}).has_value());
  const auto before = answers();
  EXPECT_EQ(collection_->statistics().buried_rows, 2001U);
  ASSERT_TRUE(reclaim(*collection_).has_value());
  EXPECT_EQ(collection_->statistics().buried_rows, 0U);
  EXPECT_EQ(answers(), before);
  // Nothing of the old table is left once nobody reads it; codes may just have been in training on it.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (list_tables(host_->store()).value().size() > 1 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(list_tables(host_->store()).value(), std::vector<TableNumber>{2});
  EXPECT_EQ(StoredTable(host_->store(), 1).row_count().value(), 0U);
  EXPECT_TRUE(snapshots().empty());
  close();
  open();
  EXPECT_EQ(answers(), before);
}

TEST_F(Recovery, WritesGoOnDuringAReclaim) {
  for (int round = 0; round < 2; ++round) {
    std::promise<Status> reclaimed;
    collection_->reclaim([&](Status status) { reclaimed.set_value(std::move(status)); });
    std::future<Status> finished = reclaimed.get_future();
    // Long enough to meet every part of it.
    for (std::uint64_t i = 0; finished.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++i) {
      const std::uint64_t id = i * 37 % kPoints;
      add(id, 3);
      const std::vector<PointId> edited = {PointId::number(id)};
      ASSERT_TRUE(write(*collection_, EditPayloadOp{edited, PayloadEdit::kSet, R"({"a":1})", {}, {}}, false).has_value());
      remove(id + 1);
      if (i % 2 == 0) add(id + 1, 1);
      if (i % 5 == 0) remove(id + 2);
    }
    ASSERT_TRUE(finished.get().has_value());
    check_against_model();
    close();
    open();
    check_against_model();
  }
}

// The index is replaced by one with newly trained codes while points come and go.
TEST_F(Recovery, LosesNothingWhileCodesAreTrainedAndKeepsThemInASnapshot) {
  const auto codes = [this] { return collection_->statistics().indexes.at("").quantizer; };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (std::uint64_t id = kPoints; codes() != "learned"; ++id) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << codes();
    add(id, 1);
    remove(model_.begin()->first);
  }
  check_against_model();
  add(1'000'000, 100);
  check_against_model();
  ASSERT_TRUE(collection_->save_snapshots());
  const auto before = answers();
  close();
  open();
  EXPECT_EQ(codes(), "learned");
  EXPECT_EQ(answers(), before);
  check_against_model();
}

}  // namespace
}  // namespace orthant::test
