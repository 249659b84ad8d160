// The golden file holds what qdrant-client's local mode finds for each filter (scripts/make_golden_filters.py).
#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "api/json/json_reader.h"
#include "api/qdrant/parse_filter.h"
#include "engine/payload/filter_evaluator.h"
#include "engine/payload/payload.h"

namespace orthant {
namespace {

JsonDocument golden_file() {
  std::ifstream file(std::string(ORTHANT_SOURCE_DIR) + "/tests/engine/golden/filters.json");
  std::stringstream text;
  text << file.rdbuf();
  return std::move(JsonDocument::parse(text.str()).value());
}

std::vector<std::uint64_t> matching_points(const FilterEvaluator& evaluator, const std::vector<PointId>& ids,
                                           const std::vector<std::string>& payloads) {
  std::vector<std::uint64_t> matching;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto has_vector = [i](std::string_view name) { return name == "image" && i % 3 == 0; };
    if (evaluator.matches(ids[i], payloads[i], has_vector)) matching.push_back(i);
  }
  return matching;
}

TEST(FilterEvaluator, FindsWhatTheClientsLocalModeFinds) {
  const JsonDocument golden = golden_file();
  const JsonValue root = golden.root();
  const std::vector<PointId> ids = qdrant::parse_point_ids(*root.find("ids")).value();
  std::vector<std::string> payloads;
  for (const JsonValue payload : root.find("payloads")->items()) {
    payloads.emplace_back(payload.raw());
    ASSERT_TRUE(validate_payload(payloads.back()));
  }
  ASSERT_EQ(ids.size(), payloads.size());
  std::size_t cases = 0;
  for (const JsonValue test : root.find("cases")->items()) {
    const JsonValue text = *test.find("filter");
    const auto filter = qdrant::parse_filter(text);
    ASSERT_TRUE(filter) << filter.error().message << " in " << text.raw();
    const auto evaluator = FilterEvaluator::compile(*filter);
    ASSERT_TRUE(evaluator) << evaluator.error().message;
    std::vector<std::uint64_t> expected;
    for (const JsonValue id : test.find("matching")->items()) expected.push_back(id.as_uint().value());
    EXPECT_EQ(matching_points(*evaluator, ids, payloads), expected) << text.raw();
    if (const auto possible = only_possible_ids(*filter)) {
      for (const std::uint64_t point : expected) EXPECT_TRUE(std::ranges::binary_search(*possible, ids[point])) << text.raw();
    }
    ++cases;
  }
  EXPECT_GT(cases, 1000U);
}

}  // namespace
}  // namespace orthant
