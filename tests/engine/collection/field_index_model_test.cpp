// Two collections under the same random writes, one with field indexes that come and go: every filter finds the same in both.

#include <algorithm>
#include <future>
#include <optional>
#include <random>
#include <thread>

#include "engine/payload/filter_evaluator.h"
#include "tests/engine/collection/collection_fixture.h"
#include "tests/engine/random_filters.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

using FieldTest = decltype(FieldCondition::test);

constexpr std::size_t kDim = 4;

Status change_indexes(Collection& collection, std::move_only_function<Status(CollectionConfig&)> change, bool wait) {
  std::promise<Status> promise;
  Status queued =
      collection.update_config(std::move(change), [&promise](Status status) { promise.set_value(std::move(status)); }, wait);
  if (!queued) return queued;
  return promise.get_future().get();
}

Status set_indexes(Collection& collection, FieldSchemas schemas, bool wait = true) {
  return change_indexes(
      collection,
      [schemas](CollectionConfig& config) -> Status {
        config.field_indexes = schemas;
        return {};
      },
      wait);
}

class FieldIndexModel : public testing::Test {
 protected:
  FieldIndexModel() : seed_(random_seed()), random_(seed_), numbers_(seed_) {
    all_ = random_.schemas();
    all_["t2"].text = {};  // other options would change what text conditions mean
  }

  std::vector<PreparedVector> random_vector() {
    std::vector<float> vector(kDim);
    for (float& value : vector) value = std::normal_distribution<float>()(numbers_);
    return {plain_->prepare_floats("", vector).value()};
  }
  PointId random_id() { return PointId::number(random_.below(150)); }

  WriteOp random_upsert() {
    UpsertOp op;
    for (std::size_t i = 0, count = 1 + random_.below(30); i < count; ++i) {
      op.points.push_back({random_id(), random_.chance(0.9) ? random_vector() : std::vector<PreparedVector>(), random_.payload()});
    }
    if (random_.chance(0.2)) op.update_filter = random_.filter();
    return op;
  }
  WriteOp random_edit() {
    EditPayloadOp op{random_.filter(), static_cast<PayloadEdit>(random_.below(4)), {}, {}, {}};
    if (op.edit == PayloadEdit::kSet || op.edit == PayloadEdit::kOverwrite) op.payload = random_.payload();
    if (op.edit == PayloadEdit::kSet && random_.chance(0.3)) op.key = "o";
    if (op.edit == PayloadEdit::kDelete) op.keys = {"k", "items[].color"};
    return op;
  }
  WriteOp random_op() {
    switch (random_.below(6)) {
      case 0: return random_edit();
      case 1: return DeletePointsOp{std::vector<PointId>{random_id(), random_id()}};
      case 2:
        return DeletePointsOp{
            Filter{.must = {HasId{{random_id(), random_id(), random_id()}}}, .should = {}, .must_not = {}, .min_should = {}}};
      case 3: return DeleteVectorsOp{std::vector<PointId>{random_id()}, {0}};
      default: return random_upsert();
    }
  }

  void change_schemas() {
    FieldSchemas schemas;
    for (const auto& [path, schema] : all_) {
      if (random_.chance(0.7)) schemas.emplace(path, schema);
    }
    ASSERT_TRUE(set_indexes(*indexed_, schemas, random_.chance(0.5)).has_value());
  }

  std::vector<PointId> scrolled(const Collection& collection, const Filter& filter) {
    std::vector<PointId> ids;
    std::optional<PointId> from;
    do {
      PointPage page = collection.scroll({.from = from, .filter = &filter, .limit = 9}).value();
      for (const Record& record : page.points) ids.push_back(record.id);
      from = page.next;
    } while (from);
    return ids;
  }

  void compare() {
    for (int i = 0; i < 10; ++i) {
      const Filter filter = random_.filter();
      const std::vector<PointId> expected = scrolled(*plain_, filter);
      ASSERT_EQ(scrolled(*indexed_, filter), expected) << canonical_key(filter);
      ASSERT_EQ(plain_->count(&filter).value(), expected.size());
      ASSERT_EQ(indexed_->count(&filter).value(), expected.size()) << canonical_key(filter);
      const VectorValue query = std::vector<float>(kDim, 1);
      const VectorSearch search{.vector = &query, .filter = &filter};
      const auto wanted = plain_->search(search).value().points;
      const auto found = indexed_->search(search).value().points;
      ASSERT_EQ(found.size(), wanted.size());
      for (std::size_t j = 0; j < found.size(); ++j) ASSERT_EQ(found[j].record.id, wanted[j].record.id);
    }
    for (const auto& [path, info] : indexed_->statistics().field_indexes) {
      Filter filter;
      filter.must_not.push_back(FieldCondition{path, IsEmpty{}});
      EXPECT_EQ(info.points, plain_->count(&filter).value()) << path;
    }
  }

  void open() {
    host_.emplace(directory_.path(), limits_);
    plain_ = host_->open("plain").value();
    indexed_ = host_->open("indexed").value();
  }

  const std::uint64_t seed_;
  RandomFilters random_;
  std::mt19937_64 numbers_;
  FieldSchemas all_;
  TemporaryDirectory directory_;
  UpkeepLimits limits_{.snapshot_rows = 50, .snapshot_growth = 500, .reclaim_rows = 300};
  std::optional<Host> host_;
  std::unique_ptr<Collection> plain_;
  std::unique_ptr<Collection> indexed_;
};

TEST_F(FieldIndexModel, FiltersFindTheSameWithAndWithoutIndexes) {
  host_.emplace(directory_.path(), limits_);
  plain_ = host_->create("plain", one_vector(kDim));
  indexed_ = host_->create("indexed", one_vector(kDim));
  for (int step = 0; step < 150; ++step) {
    const WriteOp op = random_op();
    const bool done = write(*plain_, op, false).has_value();
    ASSERT_EQ(write(*indexed_, op, false).has_value(), done);
    if (random_.chance(0.1)) change_schemas();
    if (random_.chance(0.3)) compare();
    if (random_.chance(0.03)) {
      ASSERT_TRUE(reclaim(*indexed_).has_value());
    }
    if (random_.chance(0.03)) {
      indexed_.reset();
      plain_.reset();
      host_.reset();
      open();
    }
    if (HasFailure()) FAIL() << "at step " << step;
  }
}

TEST_F(FieldIndexModel, DefinitionsSurviveARestartAndAReclaim) {
  host_.emplace(directory_.path(), limits_);
  plain_ = host_->create("plain", one_vector(kDim));
  indexed_ = host_->create("indexed", one_vector(kDim));
  ASSERT_TRUE(write(*indexed_, random_upsert()).has_value());
  ASSERT_TRUE(set_indexes(*indexed_, all_).has_value());
  EXPECT_EQ(indexed_->statistics().field_indexes.size(), all_.size());
  ASSERT_TRUE(reclaim(*indexed_).has_value());
  EXPECT_EQ(indexed_->statistics().field_indexes.size(), all_.size());
  indexed_.reset();
  plain_.reset();
  host_.reset();
  open();
  EXPECT_EQ(indexed_->config().field_indexes, all_);
  EXPECT_EQ(indexed_->statistics().field_indexes.size(), all_.size());
  ASSERT_TRUE(set_indexes(*indexed_, {}).has_value());
  EXPECT_TRUE(indexed_->statistics().field_indexes.empty());
}

// A text index brings its own tokens to text conditions, in filters that it answers and in updates under a condition.
TEST_F(FieldIndexModel, TextOptionsHoldWhereverAFilterIsAsked) {
  host_.emplace(directory_.path(), limits_);
  indexed_ = host_->create("indexed", one_vector(kDim));
  plain_ = host_->create("plain", one_vector(kDim));
  UpsertOp op;
  op.points.push_back({PointId::number(1), random_vector(), R"({"t": "Running shoes", "i": 1})"});
  op.points.push_back({PointId::number(2), random_vector(), R"({"t": "a walk", "i": 1})"});
  ASSERT_TRUE(write(*indexed_, op).has_value());
  Filter filter;
  filter.must.push_back(FieldCondition{"t", MatchText{.query = "RUN"}});
  EXPECT_EQ(indexed_->count(&filter).value(), 0U);
  TextOptions prefix;
  prefix.tokenizer = TextTokenizer::kPrefix;
  ASSERT_TRUE(set_indexes(*indexed_, {{"t", {FieldType::kText, prefix}}}).has_value());
  EXPECT_EQ(indexed_->count(&filter).value(), 1U);
  filter.must_not.push_back(FieldCondition{"i", MatchValue{std::int64_t{7}}});  // not indexed: the rows are read
  EXPECT_EQ(indexed_->count(&filter).value(), 1U);
  UpsertOp conditional = op;
  for (PreparedPoint& point : conditional.points) point.payload = R"({"t": "other"})";
  conditional.update_filter = filter;
  ASSERT_TRUE(write(*indexed_, conditional).has_value());
  EXPECT_EQ(scrolled(*indexed_, {}).size(), 2U);
  EXPECT_EQ(indexed_->count(&filter).value(), 0U);
}

// Readers, a writer and indexes that are built and removed at the same time. The writer keeps an invariant that every filter must
// see.
TEST_F(FieldIndexModel, FiltersAgreeWithThePayloadsWhileEverythingChanges) {
  host_.emplace(directory_.path(), limits_);
  indexed_ = host_->create("indexed", one_vector(kDim));
  plain_ = host_->create("plain", one_vector(kDim));
  const auto payload = [](std::size_t value) { return fmt::format(R"({{"i": {}, "k": "v{}", "n": {}}})", value, value, value); };
  UpsertOp first;
  for (std::size_t i = 0; i < 300; ++i) first.points.push_back({PointId::number(i), random_vector(), payload(i % 10)});
  ASSERT_TRUE(write(*indexed_, first).has_value());
  std::atomic<bool> stop{false};
  const auto read = [&](std::uint64_t seed) {
    std::mt19937 numbers(static_cast<unsigned>(seed));
    while (!stop) {
      const auto value = static_cast<std::int64_t>(numbers() % 10);
      Filter filter;
      filter.must.push_back(FieldCondition{"i", MatchValue{value}});
      filter.must.push_back(FieldCondition{numbers() % 2 == 0 ? "k" : "n",
                                           numbers() % 2 == 0 ? FieldTest(IsEmpty{false}) : FieldTest(IsNull{false})});
      const auto page =
          indexed_->scroll({.filter = &filter, .limit = 50, .payload = {.enabled = true, .include = {}, .exclude = {}}});
      ASSERT_TRUE(page.has_value());
      ASSERT_TRUE(indexed_->count(&filter).has_value());
      Filter both = filter;  // no state of any payload has two values
      both.must.push_back(FieldCondition{"k", MatchValue{"v" + std::to_string((value + 1) % 10)}});
      ASSERT_EQ(indexed_->count(&both).value(), 0U);
    }
  };
  std::thread readers[] = {std::thread(read, seed_), std::thread(read, seed_ + 1)};
  for (std::size_t step = 0; step < 120; ++step) {
    if (step % 3 == 0) {
      EditPayloadOp edit{std::vector<PointId>{}, PayloadEdit::kOverwrite, payload(step % 10), {}, {}};
      for (std::size_t i = 0; i < 40; ++i) std::get<std::vector<PointId>>(edit.points).push_back(PointId::number((step + i) % 300));
      EXPECT_TRUE(write(*indexed_, edit, false).has_value());
    } else {
      UpsertOp upsert;
      for (std::size_t i = 0; i < 20; ++i)
        upsert.points.push_back({PointId::number((step * 7 + i) % 300), random_vector(), payload((step + i) % 10)});
      EXPECT_TRUE(write(*indexed_, upsert, false).has_value());
    }
    FieldSchemas schemas{{"i", {FieldType::kInteger, {}}}};
    if (step % 2 == 0) schemas["k"] = {FieldType::kKeyword, {}};
    if (step % 10 < 2) {
      EXPECT_TRUE(set_indexes(*indexed_, step % 20 < 2 ? FieldSchemas() : schemas, step % 4 < 2).has_value());
    }
    if (step == 60) {
      EXPECT_TRUE(reclaim(*indexed_).has_value());
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace orthant::test
