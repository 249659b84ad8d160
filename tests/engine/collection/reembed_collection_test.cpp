// Another model's embeddings taking over, at the level of a collection: random writes, reclaims and restarts while shadows are
// gathered, and a model in memory that says what must be there after the switch.

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/collection/shadow_vectors.h"
#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kOldDim = 4;
constexpr std::size_t kNewDim = 7;

// What the two models make of a text.
std::vector<float> embed(const std::string& text, std::size_t dim) {
  std::vector<float> vector(dim);
  std::mt19937_64 random(std::hash<std::string>()(text) + dim);
  for (float& value : vector) value = std::uniform_real_distribution<float>(-1, 1)(random);
  return vector;
}

struct Expected {
  std::optional<std::string> text;           // of vector "t"
  std::optional<std::vector<float>> vector;  // of vector "v", which is none of a model's
  std::string payload;
};

class ReembedCollection : public testing::Test {
 protected:
  ReembedCollection() : seed_(random_seed()), random_(seed_) {
    open();
    CollectionConfig config;
    config.vectors["t"].index = {.dim = kOldDim, .metric = Metric::kDot};
    config.vectors["v"].index = {.dim = 2, .metric = Metric::kDot};
    config.vectors["t"].encoder = EncoderIdentity{"old", "1", "float32", "mean", kOldDim};
    collection_ = host_->create("c", config);
  }

  void open() { host_ = std::make_unique<Host>(directory_.path()); }
  void restart() {
    collection_.reset();
    host_.reset();
    open();
    collection_ = host_->open("c").value();
  }

  Status change(std::move_only_function<Status(CollectionConfig&)> change) {
    std::promise<Status> done;
    ORTHANT_TRY(collection_->update_config(std::move(change), [&done](Status status) { done.set_value(std::move(status)); }));
    return done.get_future().get();
  }
  void begin() {
    ASSERT_TRUE(change([](CollectionConfig& config) -> Status {
                  VectorConfig& vector = config.vectors.at("t");
                  ++vector.last_generation;
                  vector.reembedding = Reembedding{{"new", "2", "float32", "mean", kNewDim}, false};
                  return {};
                }).has_value());
  }

  PreparedPoint point(std::uint64_t id, const Expected& expected, bool with_shadow) {
    PreparedPoint point{.id = PointId::number(id), .vectors = {}, .payload = expected.payload};
    if (expected.text) add_text(point, *expected.text, with_shadow);
    if (expected.vector) point.vectors.push_back(collection_->prepare_floats("v", *expected.vector).value());
    return point;
  }
  void add_text(PreparedPoint& point, const std::string& text, bool with_shadow) {
    PreparedVector vector = collection_->prepare_floats("t", embed(text, collection_->vector_config("t")->index.dim)).value();
    vector.source_text = text;
    const Slot slot = vector.slot;
    point.vectors.push_back(std::move(vector));
    const VectorConfig config = collection_->vector_config("t").value();
    if (!with_shadow || !config.reembedding) return;
    point.vectors.push_back({.slot = shadow_of(slot),
                             .bytes = stored_embedding(config, kNewDim, embed(text, kNewDim)).value(),
                             .source_text = {},
                             .generation = config.last_generation});
  }

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  Expected any_point() {
    Expected expected;
    if (below(6) != 0) expected.text = "text " + std::to_string(random_());
    if (below(2) != 0 || !expected.text) expected.vector = embed(std::to_string(random_()), 2);
    expected.payload = R"({"n":)" + std::to_string(below(1000)) + "}";
    return expected;
  }

  // One random write, done to the collection and to the model.
  void write_something() {
    const std::uint64_t id = below(80);
    const auto known = model_.find(id);
    const std::uint64_t kind = below(10);
    if (kind < 5 || known == model_.end()) {
      const Expected expected = any_point();
      UpsertOp op;
      op.points.push_back(point(id, expected, below(2) == 0));
      ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
      model_[id] = expected;
    } else if (kind == 5) {
      ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(id)}}, false).has_value());
      model_.erase(known);
    } else if (kind == 6) {  // the other vector is replaced, the text stays
      known->second.vector = embed(std::to_string(random_()), 2);
      UpdateVectorsOp op;
      op.points.push_back({.id = PointId::number(id),
                           .vectors = {collection_->prepare_floats("v", *known->second.vector).value()},
                           .payload = "{}"});
      ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
    } else if (kind == 7) {  // another text
      known->second.text = "text " + std::to_string(random_());
      UpdateVectorsOp op;
      op.points.push_back({.id = PointId::number(id), .vectors = {}, .payload = "{}"});
      add_text(op.points.back(), *known->second.text, below(2) == 0);
      ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
    } else if (kind == 8 && known->second.vector) {
      known->second.text.reset();
      ASSERT_TRUE(write(*collection_, DeleteVectorsOp{std::vector{PointId::number(id)}, {collection_->slot_of("t").value()}}, false)
                      .has_value());
    } else {
      known->second.payload = R"({"edited":)" + std::to_string(random_()) + "}";
      EditPayloadOp op;
      op.points = std::vector{PointId::number(id)};
      op.edit = PayloadEdit::kOverwrite;
      op.payload = known->second.payload;
      ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
    }
  }

  // True when all texts were encoded.
  bool encode_some(std::size_t limit) {
    UnencodedTexts texts = collection_->unencoded_texts("t", table_, next_row_, limit).value();
    table_ = texts.table;
    next_row_ = texts.next;
    const bool at_end = texts.at_end && texts.texts.empty();
    const VectorConfig config = collection_->vector_config("t").value();
    std::vector<PreparedVector> shadows;
    for (const std::string& text : texts.texts) {
      shadows.push_back({.slot = shadow_of(collection_->slot_of("t").value()),
                         .bytes = stored_embedding(config, kNewDim, embed(text, kNewDim)).value(),
                         .source_text = {},
                         .generation = config.last_generation});
      ++encoded_;
    }
    std::promise<Status> kept;
    collection_->put_shadows(std::move(texts), std::move(shadows), [&kept](Status status) { kept.set_value(std::move(status)); });
    EXPECT_TRUE(kept.get_future().get().has_value());
    return at_end;
  }
  Status make_switch() {
    std::promise<Status> done;
    collection_->switch_to_shadows("t", [&done](Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }

  // Everything that the model says, and nothing else.
  void check(std::size_t dim) {
    const PointPage page = collection_->scroll({.limit = 1000, .payload = {.enabled = true}, .vectors = {.enabled = true}}).value();
    ASSERT_EQ(page.points.size(), model_.size());
    for (const Record& record : page.points) {
      const auto known = std::ranges::find_if(model_, [&](const auto& each) { return PointId::number(each.first) == record.id; });
      ASSERT_NE(known, model_.end());
      const Expected& expected = known->second;
      EXPECT_EQ(record.payload, expected.payload);
      std::map<std::string, VectorValue> vectors(record.vectors->begin(), record.vectors->end());
      ASSERT_EQ(vectors.contains("t"), expected.text.has_value()) << record.id.to_string();
      ASSERT_EQ(vectors.contains("v"), expected.vector.has_value());
      if (expected.vector) {
        EXPECT_EQ(std::get<std::vector<float>>(vectors.at("v")), *expected.vector);
      }
      if (!expected.text) continue;
      const std::vector<float> made = embed(*expected.text, dim);
      ASSERT_EQ(std::get<std::vector<float>>(vectors.at("t")), made) << record.id.to_string();
      EXPECT_EQ(record.texts, (std::vector<std::pair<std::string, std::string>>{{"t", *expected.text}}));
      const VectorValue query = made;
      const auto found = collection_->search({.vector_name = "t", .vector = &query, .limit = 100}).value();
      EXPECT_TRUE(std::ranges::any_of(found.points, [&](const ScoredPoint& each) { return each.record.id == record.id; }));
    }
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<std::uint64_t, Expected> model_;
  TableNumber table_ = 0;
  Ordinal next_row_ = 0;
  std::size_t encoded_ = 0;
};

TEST_F(ReembedCollection, RandomWritesReclaimsAndRestartsLoseNoEmbedding) {
  for (int i = 0; i < 60; ++i) write_something();
  check(kOldDim);
  begin();
  for (int i = 0; i < 120; ++i) {
    write_something();
    if (below(4) == 0) encode_some(1 + below(8));
    if (below(15) == 0) {
      ASSERT_TRUE(reclaim(*collection_).has_value());
    }
    if (below(25) == 0) restart();
    if (HasFatalFailure()) return;
  }
  check(kOldDim);
  // As long as texts are missing there is no switch.
  Status switched = make_switch();
  while (!switched) {
    ASSERT_EQ(switched.error().code, ErrorCode::kUnavailable) << switched.error().message;
    table_ = 0;
    while (!encode_some(50)) {
    }
    switched = make_switch();
  }
  check(kNewDim);
  const VectorConfig config = collection_->vector_config("t").value();
  EXPECT_EQ(config.encoder->model, "new");
  EXPECT_EQ(config.generation, 1U);
  EXPECT_FALSE(config.reembedding.has_value());
  restart();
  check(kNewDim);
  for (int i = 0; i < 60; ++i) write_something();
  check(kNewDim);
}

TEST_F(ReembedCollection, AnEmbeddingSurvivesRestartsAndReclaimsWithoutBeingMadeAgain) {
  for (std::uint64_t id = 0; id < 100; ++id) {
    model_[id] = {.text = "text " + std::to_string(id), .vector = {}, .payload = "{}"};
    UpsertOp op;
    op.points.push_back(point(id, model_[id], false));
    ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
  }
  begin();
  encode_some(60);
  restart();
  ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(3)}}, false).has_value());
  model_.erase(3);
  ASSERT_TRUE(reclaim(*collection_).has_value());
  while (!encode_some(60)) {
  }
  EXPECT_EQ(encoded_, 100U);
  const TextCounts counts = collection_->count_texts("t").value();
  EXPECT_EQ(counts.texts, 99U);
  EXPECT_EQ(counts.encoded, 99U);
  ASSERT_TRUE(make_switch().has_value());
  check(kNewDim);
}

TEST_F(ReembedCollection, WritesOnTheirWayDuringTheSwitchAreTakenInTheNewForm) {
  model_[1] = {.text = "one", .vector = {}, .payload = "{}"};
  UpsertOp first;
  first.points.push_back(point(1, model_[1], false));
  const PreparedPoint late_without = point(2, {.text = "two", .vector = {}, .payload = "{}"}, false);
  ASSERT_TRUE(write(*collection_, std::move(first), false).has_value());
  begin();
  const PreparedPoint late = point(3, {.text = "three", .vector = {}, .payload = "{}"}, true);
  while (!encode_some(10)) {
  }
  ASSERT_TRUE(make_switch().has_value());
  UpsertOp with_shadow;
  with_shadow.points.push_back(late);
  ASSERT_TRUE(write(*collection_, std::move(with_shadow)).has_value());
  model_[3] = {.text = "three", .vector = {}, .payload = "{}"};
  UpsertOp without_shadow;
  without_shadow.points.push_back(late_without);
  const auto refused = write(*collection_, std::move(without_shadow));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  check(kNewDim);
  const VectorValue old_query = embed("one", kOldDim);
  EXPECT_FALSE(collection_->search({.vector_name = "t", .vector = &old_query}).has_value());
  const VectorValue query = embed("one", kNewDim);
  const auto other_model = collection_->search({.vector_name = "t", .vector = &query, .generation = 0});
  ASSERT_FALSE(other_model.has_value());
  EXPECT_TRUE(is_another_model_serving(other_model.error()));
}

TEST_F(ReembedCollection, WhatAnAbandonedOneLeftIsNotTakenByTheNext) {
  model_[1] = {.text = "one", .vector = {}, .payload = "{}"};
  UpsertOp op;
  op.points.push_back(point(1, model_[1], false));
  ASSERT_TRUE(write(*collection_, std::move(op), false).has_value());
  begin();
  while (!encode_some(10)) {
  }
  ASSERT_TRUE(change([](CollectionConfig& config) -> Status {
                config.vectors.at("t").reembedding.reset();
                return {};
              }).has_value());
  EXPECT_EQ(make_switch().error().code, ErrorCode::kCancelled);
  begin();
  EXPECT_EQ(make_switch().error().code, ErrorCode::kUnavailable);
  table_ = 0;
  while (!encode_some(10)) {
  }
  EXPECT_EQ(encoded_, 2U);
  ASSERT_TRUE(make_switch().has_value());
  check(kNewDim);
}

}  // namespace
}  // namespace orthant::test
