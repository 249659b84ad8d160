#include "engine/query/grouping.h"

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

std::vector<GroupId> ids(std::string_view payload, std::string_view path = "k") {
  return groups_of(payload, JsonPath::parse(path).value());
}

TEST(GroupsOf, AreTheDifferentStringsAndIntegers) {
  EXPECT_EQ(ids(R"({"k": "a"})"), (std::vector<GroupId>{std::string("a")}));
  EXPECT_EQ(ids(R"({"k": 18446744073709551615})"), (std::vector<GroupId>{std::uint64_t{18446744073709551615U}}));
  EXPECT_EQ(ids(R"({"k": -3})"), (std::vector<GroupId>{std::int64_t{-3}}));
  EXPECT_EQ(ids(R"({"k": ["b", "a", "b"]})"), (std::vector<GroupId>{std::string("b"), std::string("a")}));
  EXPECT_EQ(ids(R"({"k": ["b", "a"]})", "k[]"), (std::vector<GroupId>{std::string("b"), std::string("a")}));
}

TEST(GroupsOf, AreNoneWhereAValueIsOfAnotherType) {
  for (const char* payload : {"{}", R"({"k": null})", R"({"k": []})", R"({"k": 2.5})", R"({"k": true})", R"({"k": {"x": 1}})",
                              R"({"k": [["a"]]})", R"({"k": ["a", true]})"}) {
    EXPECT_TRUE(ids(payload).empty()) << payload;
  }
}

ScoredOrdinal hit(Ordinal ordinal) {
  return {ordinal, 1.0F / static_cast<float>(ordinal + 1)};
}

TEST(Grouping, KeepsTheBestGroupsInTheOrderOfTheirBestHits) {
  Grouping grouping(2, 2);
  const std::vector<GroupId> a = {std::string("a")}, b = {std::uint64_t{5}}, both = {std::uint64_t{5}, std::string("a")},
                             c = {std::string("c")};
  grouping.add(hit(0), b);
  EXPECT_FALSE(grouping.has_all());
  grouping.add(hit(1), both);
  EXPECT_TRUE(grouping.has_all());
  EXPECT_FALSE(grouping.is_done());
  EXPECT_EQ(grouping.full(), b);
  EXPECT_EQ(grouping.open(), a);
  grouping.add(hit(2), c);
  grouping.add(hit(3), b);
  grouping.add(hit(4), a);
  EXPECT_TRUE(grouping.is_done());
  const std::vector<Group> groups = std::move(grouping).take();
  ASSERT_EQ(groups.size(), 2);
  EXPECT_EQ(groups[0].id, b[0]);
  EXPECT_EQ(groups[1].id, a[0]);
  ASSERT_EQ(groups[0].hits.size(), 2);
  EXPECT_EQ(groups[0].hits[1].ordinal, 1);
  ASSERT_EQ(groups[1].hits.size(), 2);
  EXPECT_EQ(groups[1].hits[0].ordinal, 1);
  EXPECT_EQ(groups[1].hits[1].ordinal, 4);
}

}  // namespace
}  // namespace orthant::test
