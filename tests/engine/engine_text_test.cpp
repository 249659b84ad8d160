// Text in, ranked points out: the engine with the default model.

#include <gtest/gtest.h>

#include "engine/text_encoding.h"
#include "tests/engine/engine_fixture.h"
#include "tests/engine/shared_search_sizes.h"
#include "tests/support/paths.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 384;

class EngineText : public testing::Test {
 protected:
  void SetUp() override {
    ORTHANT_REQUIRE_DEFAULT_MODEL();
    open({"all-MiniLM-L6-v2=" + default_model_dir().string()});
    ASSERT_TRUE(create(*engine_, "c", one_vector(kDim)).has_value());
  }
  void open(std::vector<std::string> models) {
    engine_.reset();
    Settings settings = settings_for(directory_.path());
    settings.models = std::move(models);
    auto opened = Engine::open(settings);
    if (!opened) FAIL() << opened.error().message;
    engine_ = std::move(*opened);
  }
  Result<QueryResult> search(std::string text, std::string model = "") {
    QueryRequest request;
    request.query = VectorInput(TextInput{std::move(text), std::move(model)});
    request.payload.enabled = true;
    return query(*engine_, "c", request);
  }
  Status add_three() {
    ORTHANT_TRY(write(*engine_, "c",
                      upsert({text_point(1, "The cat sleeps on the sofa."), text_point(2, "Stock prices fell sharply on Monday."),
                              text_point(3, "A recipe for tomato soup with basil.")})));
    return {};
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineText, FindsDocumentsByMeaningAlsoAfterARestart) {
  ASSERT_TRUE(add_three().has_value());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(search("a pet taking a nap")->points.front().record.id, PointId::number(1));
    EXPECT_EQ(search("the market crashed")->points.front().record.id, PointId::number(2));
    EXPECT_EQ(search("what to cook for dinner")->points.front().record.id, PointId::number(3));
    open({default_model_dir().string()});
  }
}

// With one search thread: all texts, encoded before, come to the end of its line before the first of them is searched.
TEST_F(EngineText, QueriesThatWaitTogetherShareAPassOverTheCodes) {
  engine_.reset();
  Settings settings = settings_for(directory_.path());
  settings.models = {default_model_dir().string()};
  settings.threads = 1;
  engine_ = Engine::open(settings).value();
  CollectionConfig config = one_vector(kDim);
  config.vectors[""].index.exact_below_bytes = 0;
  ASSERT_TRUE(create(*engine_, "codes", config).has_value());
  ASSERT_TRUE(
      write(*engine_, "codes", upsert({text_point(1, "The cat sleeps on the sofa."), text_point(2, "Tomato soup with basil.")})));
  const std::vector<std::string> texts = {"a pet taking a nap", "what to cook for dinner", "soup"};
  const auto request_for = [](const std::string& text) {
    QueryRequest request;
    request.query = VectorInput(TextInput{text, ""});
    return request;
  };
  std::vector<QueryResult> alone;
  for (const std::string& text : texts) alone.push_back(query(*engine_, "codes", request_for(text)).value());
  const SharedSearchSizes since;
  std::vector<std::future<Result<std::vector<QueryResult>>>> answers;
  std::promise<void> release;
  engine_->count("codes", {}, {}, [released = release.get_future().share()](Result<std::uint64_t>) { released.wait(); });
  for (const std::string& text : texts) {
    auto promise = std::make_shared<std::promise<Result<std::vector<QueryResult>>>>();
    answers.push_back(promise->get_future());
    engine_->query("codes", {request_for(text)}, {}, [promise](auto result) { promise->set_value(std::move(result)); });
  }
  release.set_value();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto answer = answers[i].get().value();
    ASSERT_EQ(answer.front().points.size(), 2U);
    for (std::size_t rank = 0; rank < 2; ++rank) {
      EXPECT_EQ(answer.front().points[rank].record.id, alone[i].points[rank].record.id);
      EXPECT_EQ(answer.front().points[rank].score, alone[i].points[rank].score);
    }
  }
  EXPECT_EQ(since.requests(), texts.size());
  EXPECT_EQ(since.passes(), 1U);
}

TEST_F(EngineText, ReportsTokensAndTruncatedTexts) {
  std::string long_text;
  for (int i = 0; i < 2000; ++i) long_text += "word ";
  const WriteResult result = write(*engine_, "c", upsert({text_point(1, "short"), text_point(2, long_text)})).value();
  EXPECT_EQ(result.truncated, std::vector<std::size_t>{1});
  ASSERT_EQ(result.tokens_by_model.size(), 1U);
  EXPECT_EQ(result.tokens_by_model.at("all-MiniLM-L6-v2"), 3U + 256U);
  UpsertRequest strict = upsert({text_point(3, "short"), text_point(4, long_text)});
  strict.refuse_truncation = true;
  const auto refused = write(*engine_, "c", strict);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "points[1].vector.text: longer than the 256 tokens that model `all-MiniLM-L6-v2` takes");
  EXPECT_EQ(count(*engine_, "c").value(), 2U);
  strict.skip_invalid = true;
  const WriteResult skipped = write(*engine_, "c", strict).value();
  ASSERT_EQ(skipped.rejected.size(), 1U);
  EXPECT_EQ(skipped.rejected.front().position, 1U);
  EXPECT_EQ(count(*engine_, "c").value(), 3U);
  EXPECT_TRUE(search(long_text)->query_truncated);
}

TEST_F(EngineText, RecordsTheModelWhenTextFirstArrivesAndHoldsTheCollectionToIt) {
  EXPECT_FALSE(engine_->collection_info("c")->config.vectors.at("").encoder.has_value());
  ASSERT_TRUE(add_three().has_value());
  const auto encoder = engine_->collection_info("c")->config.vectors.at("").encoder;
  ASSERT_TRUE(encoder.has_value());
  EXPECT_EQ(encoder->model, "all-MiniLM-L6-v2");
  EXPECT_EQ(encoder->dim, kDim);
  EXPECT_EQ(encoder->model_sha256.size(), 64U);
  // Without the model texts are refused, and vectors still served.
  open({"none"});
  const auto refused = add_three();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().message, "vector `` was made by model `all-MiniLM-L6-v2`, which is not loaded; loaded: none");
  EXPECT_EQ(search("cat").error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(count(*engine_, "c").value(), 3U);
  // The same model under another name is the same model.
  open({"renamed=" + default_model_dir().string()});
  EXPECT_TRUE(add_three().has_value());
  EXPECT_TRUE(search("cat").has_value());
}

TEST(EncoderIdentity, NamesEveryPartThatDiffers) {
  const EncoderIdentity recorded{"m", std::string(64, 'a'), "float32", "mean", 384, "query: ", ""};
  EXPECT_TRUE(same_encoder(recorded, recorded));
  EncoderIdentity renamed = recorded;
  renamed.model = "another name";
  EXPECT_TRUE(same_encoder(recorded, renamed));
  const EncoderIdentity other{"m", std::string(63, 'a') + "b", "int8", "cls", 128, "", "passage: "};
  EXPECT_EQ(encoder_difference(recorded, other),
            "model sha256 `" + recorded.model_sha256 + "` there, `" + other.model_sha256 +
                "` here; weight precision `float32` there, `int8` here; pooling `mean` there, `cls` here; dimensions `384` there, "
                "`128` here; prompt of queries `query: ` there, `` here; prompt of documents `` there, `passage: ` here");
  // What older records do not say is not compared.
  EncoderIdentity old = recorded;
  old.query_prompt.reset();
  old.document_prompt.reset();
  EXPECT_TRUE(same_encoder(old, recorded));
  EXPECT_TRUE(same_encoder(recorded, old));
}

TEST_F(EngineText, RefusesTextsInAnotherPrecisionAndWeightsForAModelThatIsNotLoaded) {
  ASSERT_TRUE(add_three().has_value());
  engine_.reset();
  Settings settings = settings_for(directory_.path());
  settings.models = {default_model_dir().string()};
  settings.weights = {"all-MiniLM-L6-v2=int8"};
  engine_ = std::move(Engine::open(settings).value());
  const auto refused = add_three();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(
      refused.error().message,
      "vector `` was made by model `all-MiniLM-L6-v2`, and the loaded model `all-MiniLM-L6-v2` makes others: weight precision "
      "`float32` there, `int8` here");
  engine_.reset();
  settings.weights = {"all-minilm=int8"};
  const auto unopened = Engine::open(settings);
  ASSERT_FALSE(unopened.has_value());
  EXPECT_EQ(unopened.error().message, "--weights all-minilm=int8: model `all-minilm` is not loaded; loaded: all-MiniLM-L6-v2");
}

TEST_F(EngineText, RefusesModelsThatDoNotFit) {
  ASSERT_TRUE(create(*engine_, "small", one_vector(8)).has_value());
  const auto unfit = write(*engine_, "small", upsert({text_point(1, "words")}));
  ASSERT_FALSE(unfit.has_value());
  EXPECT_EQ(unfit.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(unfit.error().message.find("8 dimensions and no loaded model gives them"), std::string::npos) << unfit.error().message;
  PointInput named = text_point(1, "words");
  std::get<TextInput>(named.vectors.front().second).model = "all-MiniLM-L6-v2";
  const auto wrong = write(*engine_, "small", upsert({named}));
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().message, "model `all-MiniLM-L6-v2` gives 384 dimensions, vector `` has 8");
  std::get<TextInput>(named.vectors.front().second).model = "other";
  EXPECT_EQ(write(*engine_, "c", upsert({named})).error().message, "model `other` is not loaded; loaded: all-MiniLM-L6-v2");
  EXPECT_EQ(search("x", "other").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(search("").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(EngineText, TextsAndVectorsMixInOneRequest) {
  CollectionConfig config = one_vector(kDim);
  config.vectors["title"].index = {.dim = kDim};
  ASSERT_TRUE(create(*engine_, "two", config).has_value());
  const auto embedding =
      wait_for<EncodeResult>([&](Done<EncodeResult> done) { engine_->encode("", {"a sofa"}, {}, {}, std::move(done)); }).value();
  const auto row = embedding.embeddings.row(0);
  PointInput mixed{.id = PointId::number(1),
                   .vectors = {{"", std::vector<float>(row.begin(), row.end())}, {"title", TextInput{"cats", ""}}}};
  ASSERT_TRUE(write(*engine_, "two", upsert({mixed, text_point(2, "a sofa")})).has_value());
  QueryRequest request;
  request.query = VectorInput(TextInput{"a sofa", ""});
  const auto points = query(*engine_, "two", request)->points;
  ASSERT_EQ(points.size(), 2U);
  EXPECT_NEAR(points[0].score, 1, 1e-5);
  EXPECT_NEAR(points[1].score, 1, 1e-5);
  request.vector_name = "title";
  EXPECT_EQ(query(*engine_, "two", request)->points.size(), 1U);
}

}  // namespace
}  // namespace orthant::test
