// What queries tell /metrics about their stages.

#include <gtest/gtest.h>

#include "base/metrics.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

std::uint64_t count_of(const std::string& stage) {
  const std::string metrics = render_metrics();
  const std::string name = "orthant_query_stage_seconds_count{stage=\"" + stage + "\"} ";
  const std::size_t at = metrics.find(name);
  return at == std::string::npos ? 0 : std::stoull(metrics.substr(at + name.size()));
}

TEST(QueryStages, AreCountedWhereTheyRan) {
  const test::TemporaryDirectory temporary;
  const std::unique_ptr<Engine> engine = Engine::open(test::settings_for(temporary.path())).value();
  ASSERT_TRUE(test::create(*engine, "c", test::one_vector(2)).has_value());
  ASSERT_TRUE(test::write(*engine, "c", test::upsert({test::point(1, {1, 0}), test::point(2, {0, 1})})).has_value());
  QueryRequest request;
  request.query = VectorInput(std::vector<float>{1, 0});
  request.limit = 1;
  const std::uint64_t searches = count_of("search");
  const std::uint64_t filters = count_of("filter");
  const std::uint64_t records = count_of("records");
  ASSERT_TRUE(test::query(*engine, "c", request).has_value());
  EXPECT_EQ(count_of("search"), searches + 1);
  EXPECT_EQ(count_of("filter"), filters);  // there was none
  EXPECT_EQ(count_of("records"), records + 1);
  request.filter.emplace().must.push_back(HasId{{PointId::number(2)}});
  ASSERT_TRUE(test::query(*engine, "c", request).has_value());
  EXPECT_EQ(count_of("search"), searches + 2);
  EXPECT_EQ(count_of("filter"), filters + 1);
}

}  // namespace
}  // namespace orthant
