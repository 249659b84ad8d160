#include "engine/storage/keys.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

// The worked example of docs/storage_format.md: these bytes are on users' disks.
TEST(Keys, HaveTheDocumentedBytes) {
  const PointId uuid = *PointId::parse_uuid("00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_EQ(hex(keys::collection("docs")), "63646f6373");
  EXPECT_EQ(hex(keys::table(7)), "7400000007");
  EXPECT_EQ(hex(keys::last_operation(7)), "6f00000007");
  EXPECT_EQ(hex(keys::next_table()), "6e");
  EXPECT_EQ(hex(keys::id(7, PointId::number(42))), "0000000700000000000000002a");
  EXPECT_EQ(hex(keys::id(7, uuid)), "000000070100112233445566778899aabbccddeeff");
  EXPECT_EQ(hex(keys::point(7, 258)), "000000070100000102");
  EXPECT_EQ(hex(keys::burial(7, kAllSlots, 258)), "0000000702ffff00000102");
  EXPECT_EQ(hex(keys::vector(7, 1, 258)), "00000007000100000102");
}

TEST(Keys, OfIdsSortAsIdsDoAndParseBack) {
  std::vector<PointId> ids = {PointId::number(0),     PointId::number(1),
                              PointId::number(255),   PointId::number(256),
                              PointId::number(~0ULL), *PointId::parse_uuid("00000000000000000000000000000000"),
                              PointId::from_name("a")};
  std::ranges::sort(ids);
  std::vector<std::string> id_keys;
  for (const PointId& id : ids) {
    id_keys.push_back(keys::id(3, id));
    EXPECT_EQ(keys::parse_id(id_keys.back()), id);
  }
  EXPECT_TRUE(std::ranges::is_sorted(id_keys));
}

TEST(Keys, OfATableLieInItsRangeAndNoOther) {
  const KeyRange range = keys::whole_table(7);
  for (const std::string& key :
       {keys::id(7, PointId::number(~0ULL)), keys::point(7, 0xfffffffe), keys::burial(7, kAllSlots, 0xfffffffe),
        keys::vector(7, 0, 0), keys::vector(7, 0xfffe, 0xfffffffe)}) {
    EXPECT_GE(key, range.begin);
    EXPECT_LT(key, range.end);
  }
  EXPECT_LT(keys::point(6, 0xfffffffe), range.begin);
  EXPECT_GE(keys::point(8, 0), range.end);
}

TEST(Keys, ThatAreMalformedParseToNothing) {
  for (const std::string& key : {std::string(), std::string("abc"), std::string(5, '\2'), keys::id(1, PointId::number(1)) + "x"}) {
    EXPECT_EQ(keys::parse_id(key), std::nullopt);
    EXPECT_EQ(keys::parse_table(key), std::nullopt);
  }
  EXPECT_EQ(keys::parse_ordinal("abc"), std::nullopt);
}

}  // namespace
}  // namespace orthant::test
