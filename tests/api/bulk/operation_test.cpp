// Streams that can be resumed: what a batch learns of its place in the stream.

#include "api/bulk/operation.h"

#include <gtest/gtest.h>

namespace orthant::bulk {
namespace {

Result<std::optional<Operation>> operation(const std::vector<std::pair<std::string, std::string>>& parameters) {
  Request request;
  for (const auto& [name, value] : parameters) request.query.add(name, value);
  return Operation::of(request);
}

DocumentBatch batch(std::vector<std::uint64_t> lines, std::vector<std::uint64_t> bad, std::uint64_t last) {
  DocumentBatch batch;
  for (const std::uint64_t line : lines) batch.points.push_back({.id = PointId::number(line), .vectors = {}});
  batch.lines = std::move(lines);
  for (const std::uint64_t line : bad) batch.errors.push_back({line, "bad"});
  batch.last_line = last;
  return batch;
}

TEST(Operation, NamesAndLinesAreChecked) {
  EXPECT_FALSE(operation({})->has_value());
  EXPECT_EQ(operation({{"operation", "a-b_c.d:1"}}).value()->name(), "a-b_c.d:1");
  EXPECT_NE(operation({{"operation", "new"}}).value()->name(), operation({{"operation", "new"}}).value()->name());
  for (const char* bad : {"", "a/b", "a b", "\xc3\xa4"}) EXPECT_FALSE(operation({{"operation", bad}}).has_value()) << bad;
  EXPECT_FALSE(operation({{"operation", std::string(129, 'a')}}).has_value());
  EXPECT_FALSE(operation({{"from", "3"}}).has_value());
  for (const char* bad : {"", "0", "-1", "x", "3x", "99999999999999999999"}) {
    EXPECT_FALSE(operation({{"operation", "a"}, {"from", bad}}).has_value()) << bad;
  }
}

TEST(Operation, PartsCoverAllLinesAndLeaveOutThoseThatAreDone) {
  Operation resumed = *operation({{"operation", "a"}, {"from", "11"}}).value();
  BulkProgress before;
  before.add({1, 12});
  before.add({15, 15});
  resumed.set_done_before(before);
  // Lines 1, 2 and 4 of the body make points, 3 is bad, 5 blank.
  DocumentBatch first = batch({1, 2, 4}, {3}, 5);
  resumed.prepare(first, false);
  ASSERT_TRUE(first.part.has_value());
  EXPECT_EQ(first.part->lines, (LineRange{11, 15}));
  EXPECT_EQ(first.lines, (std::vector<std::uint64_t>{14}));
  ASSERT_EQ(first.points.size(), 1U);
  EXPECT_EQ(first.points.front().id, PointId::number(4));
  EXPECT_EQ(first.part->point_lines, first.lines);
  EXPECT_EQ(first.part->rejected_lines, (std::vector<std::uint64_t>{13}));
  EXPECT_EQ(first.errors.front().line, 13U);
  // Nothing came since.
  DocumentBatch none;
  resumed.prepare(none, false);
  EXPECT_FALSE(none.part.has_value());
  DocumentBatch second = batch({6}, {}, 6);
  resumed.prepare(second, false);
  EXPECT_EQ(second.part->lines, (LineRange{16, 16}));
  DocumentBatch last;
  resumed.prepare(last, true);
  ASSERT_TRUE(last.part.has_value());
  EXPECT_TRUE(last.part->ends);
  EXPECT_GT(last.part->lines.first, last.part->lines.last);
}

TEST(BulkProgress, RangesGrowTogether) {
  BulkProgress progress;
  EXPECT_EQ(progress.through(), 0U);
  progress.add({5, 9});
  progress.add({20, 20});
  EXPECT_EQ(progress.through(), 0U);
  progress.add({1, 3});
  EXPECT_EQ(progress.through(), 3U);
  EXPECT_FALSE(progress.has(4));
  EXPECT_TRUE(progress.has(9));
  EXPECT_FALSE(progress.has(10));
  progress.add({4, 4});
  EXPECT_EQ(progress.through(), 9U);
  progress.add({2, 30});
  EXPECT_EQ(progress.done, (std::vector<LineRange>{{1, 30}}));
  progress.add({3, 2});  // none
  EXPECT_EQ(progress.done.size(), 1U);
  EXPECT_EQ(decode_bulk_progress(encode(progress)).value(), progress);
  const std::string bytes = encode(progress);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_bulk_progress(bytes.substr(0, length)).has_value());
  }
}

}  // namespace
}  // namespace orthant::bulk
