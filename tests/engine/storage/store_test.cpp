#include "engine/storage/store.h"

#include <fstream>

#include <gtest/gtest.h>

#include "engine/storage/float_vectors.h"
#include "engine/storage/stored_table.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

std::unique_ptr<Store> open_store(const std::filesystem::path& path) {
  return Store::open({.path = path, .block_cache_bytes = std::size_t{8} << 20}).value();
}

Status put(Store& store, std::string_view key, std::string_view value, Family family = Family::kRows) {
  StoreBatch batch(store);
  batch.put(family, key, value);
  return store.write(batch);
}

// The bytes at the middle of each file with this extension are turned over. Returns how many files there were.
int damage(const std::filesystem::path& directory, std::string_view extension) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != extension) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(entry.file_size() / 2);
    char bytes[16];
    file.seekg(middle).read(bytes, sizeof bytes);
    for (char& byte : bytes) byte = static_cast<char>(~byte);
    file.clear();
    file.seekp(middle).write(bytes, file.gcount());
    ++count;
  }
  return count;
}

TEST(Store, KeepsFamiliesApartAndRemembersAcrossOpenings) {
  TemporaryDirectory temporary;
  {
    auto store = open_store(temporary.path());
    ASSERT_TRUE(put(*store, "k", "rows", Family::kRows).has_value());
    ASSERT_TRUE(put(*store, "k", "ids", Family::kIds).has_value());
  }
  auto store = open_store(temporary.path());
  EXPECT_EQ(store->get(Family::kRows, "k").value(), "rows");
  EXPECT_EQ(store->get(Family::kIds, "k").value(), "ids");
  EXPECT_EQ(store->get(Family::kVectors, "k").value(), std::nullopt);
}

TEST(Store, AppliesABatchInOrder) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  ASSERT_TRUE(put(*store, "a", "old").has_value());
  StoreBatch batch(*store);
  batch.remove_range(Family::kRows, {"a", "c"});
  batch.put(Family::kRows, "b", "new");
  ASSERT_TRUE(store->write(batch).has_value());
  EXPECT_EQ(store->get(Family::kRows, "a").value(), std::nullopt);
  EXPECT_EQ(store->get(Family::kRows, "b").value(), "new");
}

TEST(Store, ScansARangeInOrderAndStopsWhenTold) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  for (const char* key : {"c", "a", "d", "b"}) ASSERT_TRUE(put(*store, key, key).has_value());
  std::string seen;
  ASSERT_TRUE(store->scan(Family::kRows, {"a", "d"}, nullptr, [&](std::string_view key, std::string_view) {
    seen += key;
    return key != "b";
  }));
  EXPECT_EQ(seen, "ab");
  EXPECT_EQ(store->last_key(Family::kRows, {"a", "d"}).value(), "c");
  EXPECT_EQ(store->last_key(Family::kRows, {"e", "f"}).value(), std::nullopt);
  EXPECT_EQ(store->last_key(Family::kRows, {"0", "1"}).value(), std::nullopt);
}

TEST(Store, SnapshotSeesItsMoment) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  ASSERT_TRUE(put(*store, "a", "before").has_value());
  const auto snapshot = store->snapshot();
  ASSERT_TRUE(put(*store, "a", "after").has_value());
  EXPECT_EQ(store->get(Family::kRows, "a", snapshot.get()).value(), "before");
  EXPECT_EQ(store->get(Family::kRows, "a").value(), "after");
}

TEST(Store, ReadsManyKeysAtOnce) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) {
    keys.push_back("key" + std::to_string(i * 7919 % 2000));
    if (i % 3 == 0) continue;
    ASSERT_TRUE(put(*store, keys.back(), keys.back()).has_value());
  }
  std::size_t found = 0;
  ASSERT_TRUE(store->get_many(Family::kRows, keys, nullptr, [&](std::size_t i, std::string_view value) -> Status {
    EXPECT_EQ(value, keys[i]);
    ++found;
    return {};
  }));
  EXPECT_EQ(found, 1333U);
}

TEST(Store, ReportsDamagedTables) {
  TemporaryDirectory temporary;
  {
    auto store = open_store(temporary.path());
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(put(*store, "key" + std::to_string(i), std::string(1000, 'v'), Family::kVectors).has_value());
    }
  }
  ASSERT_GT(damage(temporary.path(), ".sst"), 0);
  const auto opened = Store::open({.path = temporary.path(), .block_cache_bytes = 0});
  if (!opened) {
    EXPECT_EQ(opened.error().code, ErrorCode::kDataCorruption) << opened.error().message;
    return;
  }
  const Status scanned =
      (*opened)->scan(Family::kVectors, {"a", "z"}, nullptr, [](std::string_view, std::string_view) { return true; });
  ASSERT_FALSE(scanned.has_value());
  EXPECT_EQ(scanned.error().code, ErrorCode::kDataCorruption) << scanned.error().message;
}

TEST(Store, RefusesALogThatIsDamagedInItsMiddle) {
  TemporaryDirectory temporary;
  const std::filesystem::path crashed = temporary.path() / "crashed";
  {
    auto store = open_store(temporary.path() / "running");
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put(*store, "key" + std::to_string(i), std::string(100, 'x')).has_value());
    // What a crash leaves: nothing of this is in tables yet.
    std::filesystem::copy(temporary.path() / "running", crashed);
  }
  ASSERT_GT(damage(crashed, ".log"), 0);
  const auto opened = Store::open({.path = crashed});
  ASSERT_FALSE(opened.has_value()) << "acknowledged writes would be lost in silence";
  EXPECT_EQ(opened.error().code, ErrorCode::kDataCorruption) << opened.error().message;
}

TEST(StoredTable, DropsAllThatIsItsOwnAndNothingElse) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  // Small ones are removed key by key, large ones by range.
  for (const Ordinal rows : {Ordinal{5}, Ordinal{1500}}) {
    const StoredTable kept(*store, create_table(*store).value());
    const StoredTable dropped(*store, create_table(*store).value());
    StoreBatch batch(*store);
    for (Ordinal ordinal = 0; ordinal < rows; ++ordinal) {
      for (const StoredTable& table : {kept, dropped}) {
        const PointId id = PointId::number(ordinal);
        table.put_point(batch, ordinal, {.id = id, .operation_id = 1, .slots = {0}, .sources = {}, .payload = "{}"});
        table.put_id(batch, id, ordinal);
        table.put_vector(batch, 0, ordinal, "bytes");
        table.bury(batch, kAllSlots, ordinal);
        table.put_last_operation(batch, 5);
      }
    }
    ASSERT_TRUE(store->write(batch).has_value());
    ASSERT_TRUE(drop_table(*store, dropped.number()).has_value());
    EXPECT_EQ(dropped.row_count().value(), 0U);
    EXPECT_EQ(dropped.last_operation().value(), 0U);
    const PointId id = PointId::number(0);
    EXPECT_EQ(dropped.find({&id, 1}).value().front(), kNoOrdinal);
    EXPECT_EQ(kept.row_count().value(), rows);
    EXPECT_EQ(kept.last_operation().value(), 5U);
    EXPECT_EQ(kept.find({&id, 1}).value().front(), 0U);
    Ordinal vectors = 0;
    ASSERT_TRUE(kept.scan_vectors(0, 0, rows, [&](Ordinal, std::string_view) { return ++vectors, true; }));
    EXPECT_EQ(vectors, rows);
  }
}

TEST(StoredTable, NumbersAreNeverGivenAgain) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  const TableNumber first = create_table(*store).value();
  ASSERT_TRUE(drop_table(*store, first).has_value());
  EXPECT_NE(create_table(*store).value(), first);
}

TEST(StoredFloatVectors, ReadsRowsInTheOrderAskedForAndReportsMissingOnes) {
  TemporaryDirectory temporary;
  auto store = open_store(temporary.path());
  const StoredTable table(*store, create_table(*store).value());
  StoreBatch batch(*store);
  for (Ordinal ordinal : {0U, 1U, 3U}) {
    const float row[] = {static_cast<float>(ordinal), 0.5F};
    table.put_vector(batch, 0, ordinal, float_bytes(row));
  }
  ASSERT_TRUE(store->write(batch).has_value());
  const StoredFloatVectors floats(table, 0, 2, [](Ordinal ordinal) { return ordinal == 1; });
  const Ordinal wanted[] = {3, 0};
  std::vector<float> out(4);
  ASSERT_TRUE(floats.read(wanted, out).has_value());
  EXPECT_EQ(out, (std::vector<float>{3, 0.5F, 0, 0.5F}));
  const Ordinal missing[] = {0, 2};
  EXPECT_EQ(floats.read(missing, out).error().code, ErrorCode::kDataCorruption);
  std::vector<Ordinal> seen;
  ASSERT_TRUE(floats.scan(0, 10, [&](Ordinal ordinal, std::span<const float>) { return seen.push_back(ordinal), true; }));
  EXPECT_EQ(seen, (std::vector<Ordinal>{0, 3}));
  const StoredFloatVectors wrong(table, 0, 3);
  EXPECT_EQ(wrong.scan(0, 10, [](Ordinal, std::span<const float>) { return true; }).error().code, ErrorCode::kDataCorruption);
}

}  // namespace
}  // namespace orthant::test
