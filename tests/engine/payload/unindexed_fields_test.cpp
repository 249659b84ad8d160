#include "engine/payload/unindexed_fields.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

template <typename Test>
Condition on(const char* key, Test test) {
  return FieldCondition{key, std::move(test)};
}

std::map<std::string, FieldType> types(UnindexedFields& fields, const FieldSchemas& indexed = {}) {
  std::map<std::string, FieldType> all;
  for (const auto& [path, field] : fields.noted(indexed)) all.emplace(path, field.type);
  return all;
}

FieldIndexes::Fields none() {
  return {};
}

TEST(UnindexedFields, NamesTheTypeThatWouldAnswerACondition) {
  Filter filter;
  filter.must = {on("word", MatchValue{"a"}), on("number", MatchAny{{std::int64_t{1}}}), on("flag", MatchExcept{{true}}),
                 on("text", MatchText{"a b"})};
  filter.should = {on("price", NumberRange{}), on("when", DatetimeRange{}), on("where", GeoRadius{})};
  filter.must_not = {on("list", ValuesCount{})};
  filter.min_should = MinShould{{on("gone", IsNull{})}, 1};
  UnindexedFields fields;
  fields.note(filter, none());
  EXPECT_EQ(types(fields), (std::map<std::string, FieldType>{{"word", FieldType::kKeyword},
                                                             {"number", FieldType::kInteger},
                                                             {"flag", FieldType::kBool},
                                                             {"text", FieldType::kText},
                                                             {"price", FieldType::kFloat},
                                                             {"when", FieldType::kDatetime},
                                                             {"where", FieldType::kGeo},
                                                             {"list", FieldType::kKeyword},
                                                             {"gone", FieldType::kKeyword}}));
}

TEST(UnindexedFields, LooksIntoNestedFiltersAndPassesOverWhatNeedsNoIndex) {
  auto inner = std::make_shared<Filter>();
  inner->must = {on("c", MatchValue{true})};
  auto outer = std::make_shared<Filter>();
  outer->should = {Nested{"b[]", inner}, on("d", MatchAny{})};
  Filter filter;
  filter.must = {Nested{"a", outer}, SubFilter{inner}, HasVector{"v"}, HasId{}};
  UnindexedFields fields;
  fields.note(filter, none());
  EXPECT_EQ(types(fields), (std::map<std::string, FieldType>{{"a[].b[].c", FieldType::kBool}, {"c", FieldType::kBool}}));
}

TEST(UnindexedFields, PassesOverFieldsWithAnIndexHoweverTheyAreWritten) {
  FieldIndexes indexes;
  indexes.install(FieldIndexes::Builder::make({{"a.b", FieldSchema{}}}).value());
  Filter filter;
  filter.must = {on("a.b", MatchValue{"x"}), on("\"a\".b", MatchValue{"x"}), on("\"a.b\"", MatchValue{"x"})};
  UnindexedFields fields;
  fields.note(filter, *indexes.fields());
  EXPECT_EQ(types(fields), (std::map<std::string, FieldType>{{"\"a.b\"", FieldType::kKeyword}}));
}

TEST(UnindexedFields, ForgetsWhatHasAnIndexByNowAndAllWhenToldTo) {
  Filter filter;
  filter.must = {on("a", MatchValue{"x"}), on("b", MatchValue{"x"})};
  UnindexedFields fields;
  fields.note(filter, none());
  EXPECT_EQ(types(fields, {{"a", FieldSchema{}}}).size(), 1U);
  EXPECT_EQ(types(fields).size(), 1U);
  fields.clear();
  EXPECT_TRUE(types(fields).empty());
  fields.note(filter, none());
  EXPECT_EQ(types(fields).size(), 2U);
}

TEST(UnindexedFields, NotesSoManyAndNoMore) {
  UnindexedFields fields;
  for (std::size_t i = 0; i < 2 * UnindexedFields::kMost; ++i) {
    Filter filter;
    filter.must = {on(std::to_string(i).c_str(), MatchValue{"x"})};
    fields.note(filter, none());
  }
  EXPECT_EQ(types(fields).size(), UnindexedFields::kMost);
}

}  // namespace
}  // namespace orthant
