#include "base/point_id.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/mapped_id.h"

namespace orthant {
namespace {

constexpr std::string_view kText = "550e8400-e29b-41d4-a716-446655440000";

TEST(PointId, PrintsAndKeepsNumbers) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{42}, ~std::uint64_t{0}}) {
    const PointId id = PointId::number(value);
    EXPECT_FALSE(id.is_uuid());
    EXPECT_EQ(id.as_number(), value);
    EXPECT_EQ(id.to_string(), std::to_string(value));
  }
  EXPECT_EQ(PointId(), PointId::number(0));
}

TEST(PointId, ReadsEveryFormOfAUuid) {
  for (const std::string_view text :
       {"550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000", "550e8400e29b41d4a716446655440000",
        "{550e8400-e29b-41d4-a716-446655440000}", "urn:uuid:550e8400-e29b-41d4-a716-446655440000"}) {
    const auto id = PointId::parse_uuid(text);
    ASSERT_TRUE(id) << text;
    EXPECT_TRUE(id->is_uuid());
    EXPECT_EQ(id->to_string(), kText);
    EXPECT_EQ(id->bytes()[0], 0x55);
    EXPECT_EQ(id->bytes()[15], 0x00);
  }
}

TEST(PointId, RefusesWhatIsNoUuid) {
  for (const std::string_view text :
       {"", "7", "550e8400-e29b-41d4-a716-44665544000", "550e8400-e29b-41d4-a716-4466554400000",
        "550e8400-e29b-41d4-a716-44665544000g", "550e8400e-29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716_446655440000",
        "{550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4a-716-446655440000", "------------------------------------",
        "550e8400-e29b-41d4-a716-4466554400-0"}) {
    EXPECT_FALSE(PointId::parse_uuid(text)) << text;
  }
}

// Expected: Python's uuid.uuid5(uuid.NAMESPACE_URL, name).
TEST(PointId, OfANameIsTheUuid5ThatPythonMakes) {
  EXPECT_EQ(PointId::from_name("").to_string(), "1b4db7eb-4057-5ddf-91e0-36dec72071f5");
  EXPECT_EQ(PointId::from_name("doc-1").to_string(), "3f622591-baa6-5888-8a4f-6b3813e16a44");
  EXPECT_EQ(PointId::from_name("MED-10").to_string(), "8809c25c-823f-5c80-b4f2-ca0a71a37797");
  EXPECT_EQ(PointId::from_name("\xC3\xBC\x62\x65r \xE4\xB8\xAD").to_string(), "05903aff-5dd5-5043-89b5-4b39a86bb913");
}

TEST(PointId, TakesOnlyCanonicalNumbersAsNumbers) {
  for (const std::string_view text : {"0", "42", "18446744073709551615"}) {
    const auto id = PointId::parse(text);
    ASSERT_TRUE(id && !id->is_uuid()) << text;
    EXPECT_EQ(id->to_string(), text);
    EXPECT_EQ(map_id(text).id, *id);
    EXPECT_FALSE(map_id(text).from_name);
  }
  EXPECT_EQ(PointId::parse(kText), PointId::parse_uuid(kText));
  EXPECT_FALSE(map_id(kText).from_name);
  for (const std::string_view text : {"", "042", "00", "-1", "+1", " 1", "1 ", "18446744073709551616", "1e3", "1.0", "abc-1"}) {
    EXPECT_FALSE(PointId::parse(text)) << text;
    EXPECT_TRUE(map_id(text).from_name) << text;
    EXPECT_EQ(map_id(text).id, PointId::from_name(text)) << text;
  }
}

TEST(PointId, OrdersNumbersFirstThenUuids) {
  const auto uuid = [](std::string_view text) { return *PointId::parse_uuid(text); };
  const std::vector<PointId> ascending = {PointId::number(0),
                                          PointId::number(255),
                                          PointId::number(256),
                                          PointId::number(~std::uint64_t{0}),
                                          uuid("00000000-0000-0000-0000-000000000000"),
                                          uuid("00000000-0000-0000-0000-0000000000ff"),
                                          uuid("00000000-0000-0000-0100-000000000000"),
                                          uuid("ff000000-0000-0000-0000-000000000000")};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) EXPECT_LT(ascending[i], ascending[i + 1]) << i;
}

TEST(PointId, HashesEqualIdsAlikeAndOthersApart) {
  const std::hash<PointId> hash;
  const PointId number = PointId::number(7);
  EXPECT_EQ(hash(number), hash(PointId::number(7)));
  EXPECT_NE(hash(number), hash(PointId::number(8)));
  EXPECT_NE(hash(number), hash(PointId::uuid(number.bytes())));
  EXPECT_NE(number, PointId::uuid(number.bytes()));
}

}  // namespace
}  // namespace orthant
