// Embeddings that are kept from one run to the next: found again, never for another model, whatever a crash left of the file.

#include "encoder/training/embedding_file.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "encoder/training/text_embedder.h"
#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

EncoderInfo info_of(const std::string& sha256) {
  EncoderInfo info;
  info.model_sha256 = sha256;
  info.dim = 3;
  return info;
}

std::vector<float> found(const EmbeddingFile& file, std::string_view text, Purpose purpose = Purpose::kDocument) {
  const auto row = file.find(text, purpose);
  return {row.begin(), row.end()};
}

TEST(EmbeddingFile, FindsWhatWasAddedInThisRunAndInOthers) {
  const test::TemporaryDirectory directory;
  const std::vector<float> first = {1, 2, 3};
  const std::vector<float> second = {4, 5, 6};
  {
    EmbeddingFile file = EmbeddingFile::open(directory.path() / "cache", info_of("a")).value();
    ASSERT_TRUE(file.add("river", Purpose::kDocument, first).has_value());
    ASSERT_TRUE(file.add("river", Purpose::kQuery, second).has_value());
    EXPECT_EQ(found(file, "river"), first);
    EXPECT_TRUE(found(file, "bridge").empty());
  }
  EmbeddingFile again = EmbeddingFile::open(directory.path() / "cache", info_of("a")).value();
  EXPECT_EQ(found(again, "river"), first);
  EXPECT_EQ(found(again, "river", Purpose::kQuery), second);
  ASSERT_TRUE(again.add("bridge", Purpose::kQuery, first).has_value());
  EXPECT_EQ(found(again, "bridge", Purpose::kQuery), first);
  EXPECT_TRUE(found(EmbeddingFile::open(directory.path() / "cache", info_of("b")).value(), "river").empty());
}

TEST(EmbeddingFile, LeavesOutWhatACrashCutOff) {
  const test::TemporaryDirectory directory;
  const std::vector<float> row = {1, 2, 3};
  {
    EmbeddingFile file = EmbeddingFile::open(directory.path(), info_of("a")).value();
    for (const char* text : {"river", "bridge"}) ASSERT_TRUE(file.add(text, Purpose::kDocument, row).has_value());
  }
  const fs::path path = fs::directory_iterator(directory.path())->path();
  const auto whole = fs::file_size(path);
  for (std::uintmax_t size = whole; size-- > whole / 2;) {
    fs::resize_file(path, size);
    EmbeddingFile file = EmbeddingFile::open(directory.path(), info_of("a")).value();
    EXPECT_EQ(found(file, "river"), row);
    EXPECT_TRUE(found(file, "bridge").empty());
    ASSERT_TRUE(file.add("bridge", Purpose::kDocument, row).has_value());
    ASSERT_TRUE(file.flush().has_value());
    EXPECT_EQ(fs::file_size(path), whole);
    EXPECT_EQ(found(EmbeddingFile::open(directory.path(), info_of("a")).value(), "bridge"), row);
  }
}

TEST(FrozenEmbeddings, AreEncodedOnceForAllRuns) {
  const test::TemporaryDirectory directory;
  const auto frozen = [&] {
    auto encoder = Encoder::load(test::tiny_model("default_prompt"), {}).value();
    EmbeddingFile file = EmbeddingFile::open(directory.path(), encoder->info()).value();
    return FrozenEmbeddings(std::move(encoder), std::move(file));
  };
  const std::vector<PurposedText> texts = {{"the river", Purpose::kQuery}, {"a bridge", Purpose::kDocument}};
  FrozenEmbeddings first = frozen();
  const at::Tensor rows = first.rows(texts).value();
  EXPECT_GT(first.tokens_encoded(), 0U);
  FrozenEmbeddings second = frozen();
  EXPECT_TRUE(at::equal(second.rows(texts).value(), rows));
  EXPECT_EQ(second.tokens_encoded(), 0U);
}

}  // namespace
}  // namespace orthant
