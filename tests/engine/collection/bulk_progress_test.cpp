// Lines of a resumable stream count as done exactly when their points are in the store.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

Status put_lines(Collection& collection, std::uint64_t first, std::uint64_t last, float value) {
  WriteCommand command;
  UpsertOp op;
  BulkPart part;
  part.operation = "load";
  part.lines = {first, last};
  for (std::uint64_t line = first; line <= last; ++line) {
    if (line % 5 == 0) {
      part.rejected_lines.push_back(line);
      continue;
    }
    PreparedPoint point{.id = PointId::number(line), .vectors = {}, .payload = "{}"};
    point.vectors.push_back(ORTHANT_TRY(collection.prepare_floats("", std::vector<float>{value, 1})));
    op.points.push_back(std::move(point));
    part.point_lines.push_back(line);
  }
  command.ops.emplace_back(std::move(op));
  command.bulk_part = std::move(part);
  std::promise<Status> done;
  ORTHANT_TRY(collection.write(std::move(command), [&done](Result<std::vector<std::uint64_t>> ids) {
    done.set_value(ids ? Status() : Status(std::unexpected(ids.error())));
  }));
  return done.get_future().get();
}

TEST(BulkStreams, EveryLineIsTakenOnceWhateverIsSentAgain) {
  const TemporaryDirectory directory;
  std::mt19937_64 random(random_seed());
  auto host = std::make_unique<Host>(directory.path());
  std::unique_ptr<Collection> collection = host->create("c", one_vector(2));
  EXPECT_FALSE(collection->bulk_progress("load")->has_value());
  constexpr std::uint64_t kLines = 400;
  std::map<std::uint64_t, float> expected;  // line -> value of the first part that had it
  std::set<std::uint64_t> sent;
  float value = 1;
  while (sent.size() < kLines) {
    const std::uint64_t first = 1 + random() % kLines;
    const std::uint64_t last = std::min(kLines, first + random() % 40);
    ASSERT_TRUE(put_lines(*collection, first, last, value).has_value());
    for (std::uint64_t line = first; line <= last; ++line) {
      sent.insert(line);
      if (line % 5 != 0) expected.emplace(line, value);
    }
    value += 1;
    const BulkProgress progress = collection->bulk_progress("load").value().value();
    EXPECT_EQ(progress.accepted, expected.size());
    EXPECT_EQ(progress.rejected, sent.size() - expected.size());
    for (std::uint64_t line = 1; line <= kLines; ++line) ASSERT_EQ(progress.has(line), sent.contains(line)) << line;
    if (random() % 12 == 0) {
      collection.reset();
      host.reset();
      host = std::make_unique<Host>(directory.path());
      collection = host->open("c").value();
    }
  }
  EXPECT_EQ(collection->bulk_progress("load")->value().through(), kLines);
  const PointPage page = collection->scroll({.limit = 1000, .vectors = {.enabled = true}}).value();
  ASSERT_EQ(page.points.size(), expected.size());
  for (const Record& record : page.points) {
    EXPECT_EQ(std::get<std::vector<float>>(record.vectors->front().second).front(), expected.at(record.id.as_number()));
  }
}

TEST(BulkStreams, ACollectionKeepsTheOperationsThatWereUsedLast) {
  const TemporaryDirectory directory;
  Host host(directory.path());
  StoreBatch batch(host.store());
  for (std::size_t i = 0; i < kMaxBulkOperations; ++i) {
    BulkProgress progress;
    progress.updated_ms = 1000 + i;
    ASSERT_TRUE(put_bulk_progress(batch, host.store(), "c", "op" + std::to_string(i), progress, false).has_value());
    ASSERT_TRUE(put_bulk_progress(batch, host.store(), "cc", "op", progress, false).has_value());
  }
  ASSERT_TRUE(host.store().write(batch).has_value());
  StoreBatch next(host.store());
  ASSERT_TRUE(put_bulk_progress(next, host.store(), "c", "new", {}, true).has_value());
  ASSERT_TRUE(host.store().write(next).has_value());
  const auto operations = read_bulk_operations(host.store(), "c").value();
  EXPECT_EQ(operations.size(), kMaxBulkOperations);
  EXPECT_FALSE(operations.contains("op0"));
  EXPECT_TRUE(operations.contains("new"));
  StoreBatch removal(host.store());
  ASSERT_TRUE(remove_bulk_operations(removal, host.store(), "c").has_value());
  ASSERT_TRUE(host.store().write(removal).has_value());
  EXPECT_TRUE(read_bulk_operations(host.store(), "c")->empty());
  EXPECT_EQ(read_bulk_operations(host.store(), "cc")->size(), 1U);
}

}  // namespace
}  // namespace orthant::test
