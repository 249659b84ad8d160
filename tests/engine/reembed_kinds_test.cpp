// Re-embedding of sparse vectors and of multivectors, and by a head alone.

#include <fstream>

#include <gtest/gtest.h>

#include "encoder/head_difference.h"
#include "encoder/model/safetensors_writer.h"
#include "engine/bm25.h"
#include "tests/engine/reembed_fixture.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSparseModel = "splade";
constexpr const char* kHeadModel = "head";
constexpr const char* kOtherHeadModel = "other_head";
constexpr std::size_t kHeadDim = 7;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden";

void write_text(const fs::path& file, std::string_view text) {
  std::ofstream(file) << text;
}

// The new model of the fixture with a Dense and a Normalize module behind it.
void write_head_model(const fs::path& folder, std::uint64_t seed) {
  fs::copy(kGolden / "models" / "dense_half", folder, fs::copy_options::recursive);
  fs::create_directories(folder / "4_Dense");
  fs::create_directories(folder / "5_Normalize");
  write_text(folder / "4_Dense" / "config.json",
             R"({"in_features": 10, "out_features": 7, "bias": true, "activation_function": "torch.nn.modules.linear.Identity"})");
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> weights(kHeadDim * kNewModelDim);
  std::vector<float> bias(kHeadDim);
  for (float& value : weights) value = normal(random);
  for (float& value : bias) value = normal(random) / 4;
  SafeTensorsWriter writer;
  writer.add("linear.weight", "F32", {kHeadDim, kNewModelDim}, weights);
  writer.add("linear.bias", "F32", {kHeadDim}, bias);
  ASSERT_TRUE(writer.write(folder / "4_Dense" / "model.safetensors").has_value());
  std::ifstream file(folder / "modules.json");
  std::string modules((std::istreambuf_iterator<char>(file)), {});
  modules.resize(modules.rfind(']'));
  modules += R"(, {"idx": 4, "name": "4", "path": "4_Dense", "type": "sentence_transformers.models.Dense"},
                  {"idx": 5, "name": "5", "path": "5_Normalize", "type": "sentence_transformers.models.Normalize"}])";
  write_text(folder / "modules.json", modules);
}

VectorConfig vector_of_kind(VectorKind kind, std::size_t dim) {
  VectorConfig config;
  config.kind = kind;
  if (dim > 0) config.index.dim = dim;
  return config;
}

class ReembedKinds : public testing::Test {
 protected:
  void SetUp() override {
    write_head_model(directory_.path() / "head", 1);
    write_head_model(directory_.path() / "other_head", 2);
    open();
  }
  void open() {
    engine_.reset();
    Settings settings = two_models(directory_.path() / "data");
    settings.models.push_back(std::string(kSparseModel) + "=" + (kGolden / "sparse" / "bert").string());
    for (const char* name : {kHeadModel, kOtherHeadModel}) {
      settings.models.push_back(std::string(name) + "=" + (directory_.path() / name).string());
    }
    auto opened = Engine::open(settings);
    if (!opened) FAIL() << opened.error().message;
    engine_ = std::move(*opened);
  }
  void make(VectorConfig vector) {
    CollectionConfig config;
    config.vectors["v"] = std::move(vector);
    ASSERT_TRUE(create(*engine_, "c", std::move(config)).has_value());
  }
  void add_texts(std::uint64_t first, std::uint64_t count, const std::string& model = "") {
    std::vector<PointInput> points;
    for (std::uint64_t id = first; id < first + count; ++id) {
      points.push_back({.id = PointId::number(id), .vectors = {{"v", TextInput{numbered_text(id), model}}}});
    }
    const auto written = write(*engine_, "c", upsert(std::move(points)));
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  ReembedProgress run(const std::string& model) {
    const auto begun = reembed(*engine_, {.vector_name = "v", .model = model});
    EXPECT_TRUE(begun.has_value()) << begun.error().message;
    return begun ? wait_until_over(*engine_, "v") : ReembedProgress();
  }
  std::vector<VectorValue> vectors() {
    ScrollRequest all;
    all.limit = 100'000;
    all.vectors.enabled = true;
    ScrollResult page = scroll(*engine_, "c", all).value();
    std::vector<VectorValue> found;
    for (Record& record : page.points) found.push_back(std::move(record.vectors->front().second));
    return found;
  }
  Result<QueryResult> search(const std::string& text, const std::string& model = "") {
    QueryRequest request;
    request.query = VectorInput(TextInput{text, model});
    request.vector_name = "v";
    request.limit = 1;
    return query(*engine_, "c", request);
  }
  std::vector<std::string> texts(std::uint64_t first, std::uint64_t count) {
    std::vector<std::string> all;
    for (std::uint64_t id = first; id < first + count; ++id) all.push_back(numbered_text(id));
    return all;
  }
  void expect_floats(const std::vector<float>& found, const std::vector<float>& expected, double tolerance) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t d = 0; d < found.size(); ++d) ASSERT_NEAR(found[d], expected[d], tolerance);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ReembedKinds, ASparseVectorGoesFromBm25ToSpladeAndBack) {
  make(vector_of_kind(VectorKind::kSparse, 0));
  add_texts(0, 600, "qdrant/bm25");
  EXPECT_EQ(engine_->collection_info("c")->config.vectors.at("v").encoder->model, "qdrant/bm25");
  // Whatever else is loaded, the texts of a vector are all encoded by the model of the first.
  EXPECT_EQ(search(numbered_text(5)).value().tokens_by_model.count("qdrant/bm25"), 1U);
  EXPECT_EQ(search(numbered_text(5), kSparseModel).error().message,
            "vector `v` was made by model `qdrant/bm25`, and model `splade` makes others");
  const ReembedProgress done = run(kSparseModel);
  ASSERT_EQ(done.phase, ReembedPhase::kFinished) << (done.error ? done.error->message : "");
  EXPECT_EQ(done.model_before, "qdrant/bm25");
  EXPECT_EQ(done.encoded, 600U);
  open();
  EXPECT_EQ(search(numbered_text(123)).value().tokens_by_model.count(kSparseModel), 1U);
  EXPECT_EQ(engine_->collection_info("c")->indexed_vectors_count, 600U);
  const auto by_splade = vectors();
  add_texts(600, 10);
  // Texts written now are encoded alike.
  add_texts(17, 1);
  const auto again = vectors();
  for (std::size_t i = 0; i < by_splade.size(); ++i) {
    const auto& before = std::get<SparseVector>(by_splade[i]);
    const auto& after = std::get<SparseVector>(again[i]);
    ASSERT_EQ(before.indices, after.indices);
    for (std::size_t k = 0; k < before.values.size(); ++k) ASSERT_NEAR(before.values[k], after.values[k], 1e-5);
  }
  ASSERT_EQ(run("qdrant/bm25").phase, ReembedPhase::kFinished);
  const Bm25 bm25 = Bm25::make({}).value();
  const auto by_bm25 = vectors();
  ASSERT_EQ(by_bm25.size(), 610U);
  for (std::size_t i = 0; i < by_bm25.size(); ++i) {
    EXPECT_EQ(std::get<SparseVector>(by_bm25[i]), bm25.encode_document(numbered_text(i)));
  }
}

TEST_F(ReembedKinds, AMultivectorTakesTheOtherModelsDimension) {
  make(vector_of_kind(VectorKind::kMulti, kOldModelDim));
  add_texts(0, 300);
  ASSERT_EQ(run(kNewModel).phase, ReembedPhase::kFinished);
  add_texts(300, 5);
  const auto expected = encode(*engine_, kNewModel, texts(0, 305)).value();
  const auto found = vectors();
  ASSERT_EQ(found.size(), 305U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& rows = std::get<MultiVector>(found[i]);
    ASSERT_EQ(rows.dim, kNewModelDim);
    ASSERT_EQ(rows.rows(), 1U);
    expect_floats(rows.values, expected[i], 1e-5);
  }
  EXPECT_GT(search(numbered_text(42)).value().points.front().score, 0.999F);
}

TEST_F(ReembedKinds, SaysWhichModelsMakeOtherVectors) {
  make(vector_of_kind(VectorKind::kSparse, 0));
  add_texts(0, 3, "qdrant/bm25");
  EXPECT_EQ(reembed(*engine_, {.vector_name = "v", .model = kNewModel}).error().message,
            "model `new` is of kind `encoder`, expected `sparse_encoder`");
  EXPECT_EQ(reembed(*engine_, {.vector_name = "v", .model = "unknown"}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(reembed(*engine_, {.vector_name = "v", .model = "bm25"}).error().message,
            "vector `v` was made by model `qdrant/bm25` already");
  ASSERT_TRUE(remove(*engine_, "c").value());
  make(vector_of_kind(VectorKind::kDense, kOldModelDim));
  add_texts(0, 3);
  EXPECT_EQ(reembed(*engine_, {.vector_name = "v", .model = kSparseModel}).error().message,
            "model `splade` makes no dense embeddings, as vector `v` needs them");
}

// What encodes again has counted tokens; a head alone has none to count.
TEST_F(ReembedKinds, AHeadBehindTheSameModelIsAppliedToTheEmbeddings) {
  make(vector_of_kind(VectorKind::kDense, kNewModelDim));
  add_texts(0, 3000);
  const ReembedProgress done = run(kHeadModel);
  ASSERT_EQ(done.phase, ReembedPhase::kFinished);
  EXPECT_EQ(done.encoded, 3000U);
  EXPECT_EQ(done.tokens, 0U);
  const auto expected = encode(*engine_, kHeadModel, texts(0, 3000)).value();
  const auto found = vectors();
  ASSERT_EQ(found.size(), 3000U);
  for (std::size_t i = 0; i < found.size(); ++i) expect_floats(std::get<std::vector<float>>(found[i]), expected[i], 3e-6);
  EXPECT_EQ(search(numbered_text(77)).value().tokens_by_model.count(kHeadModel), 1U);
  // Another head has the same weights below and the same dimensions, and makes other embeddings: they are not mixed.
  const ReembedProgress other = run(kOtherHeadModel);
  ASSERT_EQ(other.phase, ReembedPhase::kFinished);
  EXPECT_GT(other.tokens, 0U);
  const auto expected_other = encode(*engine_, kOtherHeadModel, texts(0, 3000)).value();
  const auto found_other = vectors();
  for (std::size_t i = 0; i < 50; ++i) expect_floats(std::get<std::vector<float>>(found_other[i]), expected_other[i], 1e-5);
}

TEST_F(ReembedKinds, HalvesAreEncodedAgain) {
  VectorConfig halves = vector_of_kind(VectorKind::kDense, kNewModelDim);
  halves.datatype = VectorDatatype::kFloat16;
  make(halves);
  add_texts(0, 50);
  const ReembedProgress done = run(kHeadModel);
  ASSERT_EQ(done.phase, ReembedPhase::kFinished);
  EXPECT_GT(done.tokens, 0U);
}

TEST(HeadDifference, IsThereForFurtherModulesAlone) {
  const TemporaryDirectory directory;
  write_head_model(directory.path() / "head", 1);
  const auto load = [](const fs::path& folder) { return Encoder::load(folder, {}).value(); };
  const auto plain = load(kGolden / "models" / "dense_half");
  const auto head = load(directory.path() / "head");
  const auto between = HeadDifference::between(plain->info(), head->info());
  ASSERT_NE(between, nullptr);
  EXPECT_EQ(between->input_size(), kNewModelDim);
  EXPECT_EQ(between->output_size(), kHeadDim);
  EXPECT_EQ(HeadDifference::between(head->info(), plain->info()), nullptr);
  EXPECT_EQ(HeadDifference::between(plain->info(), plain->info()), nullptr);
  EXPECT_EQ(HeadDifference::between(load(kGolden / "models" / "cls")->info(), head->info()), nullptr);
  // A word of the tokenizer's, a byte of the weights: another model.
  fs::copy(directory.path() / "head", directory.path() / "changed", fs::copy_options::recursive);
  {
    std::fstream weights(directory.path() / "changed" / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    weights.seekp(-1, std::ios::end);
    weights.put('\x01');
  }
  EXPECT_EQ(HeadDifference::between(plain->info(), load(directory.path() / "changed")->info()), nullptr);
}

}  // namespace
}  // namespace orthant::test
