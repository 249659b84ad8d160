// Weights that lie in several parts: they load as one file does, and an index that lies is refused.

#include "encoder/model/weight_files.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "encoder/encoder.h"
#include "encoder/model/safetensors_writer.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "models" / "cls";

class WeightParts : public testing::Test {
 protected:
  // The model with its tensors in turn in two parts.
  void SetUp() override {
    fs::copy(kModel, folder(), fs::copy_options::recursive);
    const SafeTensors weights = SafeTensors::open(kModel / "model.safetensors").value();
    SafeTensorsWriter parts[2];
    std::string map;
    std::size_t number = 0;
    for (const auto& [name, tensor] : weights.tensors()) {
      const std::size_t part = number++ % 2;
      parts[part].add(name, tensor.type_name, tensor.shape, tensor.bytes);
      map += fmt::format("{}\"{}\":\"{}\"", map.empty() ? "" : ",", name, kParts[part]);
    }
    for (std::size_t i = 0; i < 2; ++i) ASSERT_TRUE(parts[i].write(folder() / kParts[i]));
    fs::remove(folder() / "model.safetensors");
    write_index(map);
  }
  fs::path folder() const { return scratch_.path() / "model"; }
  void write_index(const std::string& map) const {
    std::ofstream(folder() / "model.safetensors.index.json") << R"({"metadata":{"total_size":1},"weight_map":{)" << map << "}}";
  }
  std::string refusal() const {
    const auto loaded = Encoder::load(folder(), {});
    return loaded ? "" : loaded.error().message;
  }

  static constexpr const char* kParts[] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
  test::TemporaryDirectory scratch_;
};

TEST_F(WeightParts, EmbedAsTheWholeFileDoes) {
  const auto whole = Encoder::load(kModel, {}).value();
  const auto parted = Encoder::load(folder(), {}).value();
  const std::vector<std::string_view> texts = {"a text", "and another one"};
  const EmbeddingMatrix expected = whole->encode(texts, {}).value().embeddings;
  const EmbeddingMatrix found = parted->encode(texts, {}).value().embeddings;
  ASSERT_EQ(found.rows, expected.rows);
  for (std::size_t row = 0; row < expected.rows; ++row) {
    for (std::size_t i = 0; i < expected.dim; ++i) ASSERT_EQ(found.row(row)[i], expected.row(row)[i]);
  }
  EXPECT_EQ(parted->info().model_sha256.size(), 64U);
  EXPECT_NE(parted->info().model_sha256, whole->info().model_sha256);
}

TEST_F(WeightParts, AreRefusedWhenOneIsNotThere) {
  fs::remove(folder() / kParts[1]);
  EXPECT_NE(refusal().find(kParts[1]), std::string::npos) << refusal();
}

TEST_F(WeightParts, AreRefusedWhenTwoHoldTheSameTensor) {
  fs::copy_file(folder() / kParts[0], folder() / kParts[1], fs::copy_options::overwrite_existing);
  EXPECT_NE(refusal().find("is in another part too"), std::string::npos) << refusal();
}

TEST_F(WeightParts, AreRefusedOutsideOfTheFolder) {
  for (const char* name : {"../model.safetensors", "/etc/passwd", "a/b", "", ".."}) {
    write_index(fmt::format(R"("w":"{}")", name));
    EXPECT_NE(refusal().find("expected the name of a file of the folder"), std::string::npos) << name << ": " << refusal();
  }
}

TEST_F(WeightParts, AreRefusedWithoutAMapOfFiles) {
  write_index("");
  EXPECT_NE(refusal().find("weight_map"), std::string::npos) << refusal();
}

TEST_F(WeightParts, AreNamedWhenThereAreNone) {
  fs::remove(folder() / "model.safetensors.index.json");
  EXPECT_NE(refusal().find("model.safetensors.index.json"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace orthant
