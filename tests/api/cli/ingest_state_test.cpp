#include "api/cli/ingest_state.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

TEST(IngestState, ComesBackAsItWasSaved) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "deeper" / "state.json";
  EXPECT_EQ(load_ingest_state(file).acknowledged_line, 0u);
  ASSERT_TRUE(save_ingest_state(file, {.acknowledged_line = 1234, .accepted = 1200, .refused = 3, .truncated = 5}).has_value());
  const IngestState state = load_ingest_state(file);
  EXPECT_EQ(state.acknowledged_line, 1234u);
  EXPECT_EQ(state.accepted, 1200u);
  EXPECT_EQ(state.refused, 3u);
  EXPECT_EQ(state.truncated, 5u);
}

TEST(IngestState, StartsFromNothingWhereTheFileIsDamaged) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "state.json";
  for (const char* text :
       {"", "{", "[]", R"({"format": 2, "acknowledged_line": 9})", R"({"format": 1, "acknowledged_line": -1})"}) {
    std::ofstream(file) << text;
    EXPECT_EQ(load_ingest_state(file).acknowledged_line, 0u) << text;
  }
}

TEST(IngestState, BelongsToOneFileCollectionAndAddress) {
  const auto one = ingest_state_file("aa", "c", "http://x");
  EXPECT_EQ(one, ingest_state_file("aa", "c", "http://x"));
  EXPECT_NE(one, ingest_state_file("ab", "c", "http://x"));
  EXPECT_NE(one, ingest_state_file("aa", "d", "http://x"));
  EXPECT_NE(one, ingest_state_file("aa", "c", "http://y"));
}

}  // namespace
}  // namespace orthant
