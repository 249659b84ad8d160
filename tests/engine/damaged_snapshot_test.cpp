// Snapshots whose blocks are damaged but bear right checksums, as who means harm would make them: an error and nothing has changed,
// or a collection that can be read, searched and opened again.

#include <fstream>
#include <random>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kHeadBytes = 21;  // magic and version
constexpr int kPoints = 40;

struct Block {
  std::uint8_t kind = 0;
  std::string content;
};

std::vector<Block> blocks_of(const std::string& file) {
  std::vector<Block> blocks;
  for (ByteReader reader(std::string_view(file).substr(kHeadBytes)); !reader.at_end();) {
    Block block{reader.read<std::uint8_t>().value(), std::string(reader.read_sized().value())};
    blocks.push_back(std::move(block));
    reader.read<std::uint64_t>();
  }
  return blocks;
}

std::string file_of(const std::string& original, const std::vector<Block>& blocks) {
  std::string file = original.substr(0, kHeadBytes);
  for (const Block& block : blocks) {
    std::string head;
    append_value(head, block.kind);
    append_value(head, static_cast<std::uint32_t>(block.content.size()));
    std::string seed;
    append_value(seed, checksum64(head));
    append_value(seed, checksum64(block.content));
    file += head + block.content;
    append_value(file, checksum64(seed));
  }
  return file;
}

// Bytes of one block changed, cut away or doubled; now and then a block in the wrong place.
std::vector<Block> damaged(std::vector<Block> blocks, std::mt19937_64& random) {
  constexpr unsigned char kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
  for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
    std::string& bytes = blocks[random() % blocks.size()].content;
    if (bytes.empty()) continue;
    const std::size_t at = random() % bytes.size();
    switch (random() % 6) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = static_cast<char>(kTelling[random() % std::size(kTelling)]); break;
      case 2: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
      case 3: bytes.erase(at, 1 + random() % 9); break;
      case 4: bytes.insert(at, bytes.substr(at, random() % 24)); break;
      default: bytes.resize(at);
    }
  }
  if (random() % 8 == 0) std::swap(blocks[random() % blocks.size()], blocks[random() % blocks.size()]);
  if (random() % 8 == 0) blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(random() % blocks.size()));
  return blocks;
}

class DamagedSnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    open();
    CollectionConfig config = test::one_vector(3);
    config.vectors["sparse"].kind = VectorKind::kSparse;
    config.vectors["late"].kind = VectorKind::kMulti;
    config.vectors["late"].index.dim = 2;
    config.field_indexes["n"] = {.type = FieldType::kInteger};
    config.field_indexes["t"] = {.type = FieldType::kText};
    ASSERT_TRUE(test::create(*engine_, "c", config).has_value());
    std::vector<PointInput> points;
    for (int i = 0; i < kPoints; ++i) {
      PointInput point = test::point(static_cast<std::uint64_t>(i), {1, 2, static_cast<float>(i)},
                                     fmt::format(R"({{"n":{},"t":"word{} two"}})", i, i % 5));
      point.vectors.emplace_back("sparse", SparseVector{{1, static_cast<std::uint32_t>(i + 2)}, {1, 2}});
      if (i % 2 == 0) point.vectors.emplace_back("late", MultiVector{{1, 2, 3, static_cast<float>(i)}, 2});
      points.push_back(std::move(point));
    }
    ASSERT_TRUE(test::write(*engine_, "c", test::upsert(std::move(points))).has_value());
    const auto info = test::wait_for<SnapshotInfo>(
        [&](Done<SnapshotInfo> done) { engine_->create_snapshot({.collection = "c"}, std::move(done)); });
    std::ifstream file(engine_->snapshots().find({.collection = "c"}, info.value().name).value(), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    good_ = bytes.str();
  }

  void open() {
    engine_.reset();
    engine_ = Engine::open(test::settings_for(directory_.path() / "data")).value();
  }

  Status restore(const std::string& bytes) {
    const std::filesystem::path file = directory_.path() / "made";
    std::ofstream(file, std::ios::binary) << bytes;
    return test::wait_for<void>(
        [&](Done<void> done) { engine_->restore_snapshot({.scope = {.collection = "d"}, .file = file}, std::move(done)); });
  }

  // Whatever a restored collection holds: every way of reading it ends, in an answer or in an error.
  void read_whatever() {
    EXPECT_FALSE(engine_->collection_info("d").value().fault);
    ScrollRequest all;
    all.limit = 1000;
    all.payload.enabled = true;
    all.vectors.enabled = true;
    std::ignore = test::scroll(*engine_, "d", all);
    Filter filter;
    filter.must = {FieldCondition{"n", NumberRange{}}, FieldCondition{"t", MatchText{"two"}}};
    std::ignore = test::count(*engine_, "d", filter);
    const std::pair<const char*, VectorValue> queries[] = {
        {"", std::vector<float>{1, 0, 0}}, {"sparse", SparseVector{{1}, {1}}}, {"late", MultiVector{{1, 0}, 2}}};
    for (const auto& [name, vector] : queries) {
      QueryRequest request;
      request.vector_name = name;
      request.payload.enabled = true;
      std::visit([&](const auto& value) { request.query = VectorInput(value); }, vector);
      std::ignore = test::query(*engine_, "d", std::move(request));
    }
    std::ignore = test::write(*engine_, "d", test::upsert({test::point(1, {1, 2, 3})}));
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
  std::string good_;
};

TEST_F(DamagedSnapshotTest, BlocksAreMadeAgainAsTheyWere) {
  EXPECT_EQ(file_of(good_, blocks_of(good_)), good_);
  ASSERT_TRUE(restore(good_).has_value());
  EXPECT_EQ(test::count(*engine_, "d").value(), static_cast<std::uint64_t>(kPoints));
}

TEST_F(DamagedSnapshotTest, IsAnErrorOrACollectionThatCanBeReadAndOpenedAgain) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<Block> blocks = blocks_of(good_);
  int restored = 0;
  for (int i = 0; i < 60; ++i) {
    const Status status = restore(file_of(good_, damaged(blocks, random)));
    if (!status) {
      EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument) << status.error().message;
    } else if (engine_->has_collection("d")) {
      ++restored;
      read_whatever();
    }
  }
  std::cout << restored << " of 60 were restored\n";
  open();
  EXPECT_EQ(test::count(*engine_, "c").value(), static_cast<std::uint64_t>(kPoints));
  if (engine_->has_collection("d")) {
    EXPECT_FALSE(engine_->collection_info("d").value().fault);
  }
}

}  // namespace
}  // namespace orthant
