#include "api/bulk/document_reader.h"

#include <gtest/gtest.h>

namespace orthant::bulk {
namespace {

struct Outcome {
  std::vector<std::uint64_t> ids;
  std::vector<std::uint64_t> lines;
  std::vector<LineError> errors;
  std::size_t largest_batch = 0;
  Status status;
};

Outcome read_all(std::string_view body, ContentCoding coding, std::size_t piece_bytes, std::size_t max_line_bytes = 1000) {
  DocumentReader reader(coding, {}, max_line_bytes);
  Outcome outcome;
  DocumentBatch batch;
  const auto take = [&] {
    outcome.largest_batch = std::max(outcome.largest_batch, batch.points.size());
    for (const PointInput& point : batch.points) outcome.ids.push_back(point.id.as_number());
    outcome.lines.insert(outcome.lines.end(), batch.lines.begin(), batch.lines.end());
    outcome.errors.insert(outcome.errors.end(), batch.errors.begin(), batch.errors.end());
    batch = {};
  };
  for (; !body.empty() && outcome.status; body.remove_prefix(std::min(piece_bytes, body.size()))) {
    reader.feed(body.substr(0, piece_bytes));
    while (true) {
      const auto progress = reader.read(batch);
      if (!progress) outcome.status = std::unexpected(progress.error());
      if (!progress || *progress == DocumentReader::Progress::kNeedsInput) break;
      take();
    }
  }
  if (outcome.status) outcome.status = reader.finish(batch);
  take();
  return outcome;
}

std::string many_lines(std::size_t count) {
  std::string text;
  for (std::size_t i = 1; i <= count; ++i)
    text += R"({"id":)" + std::to_string(i) + R"(,"text":"text )" + std::to_string(i) + "\"}\n";
  return text;
}

TEST(DocumentReader, ReadsEveryLineInEveryCodingHoweverCut) {
  const std::string text = many_lines(2'000);
  for (const ContentCoding coding : {ContentCoding::kIdentity, ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string body = coding == ContentCoding::kIdentity ? text : compress(coding, text).value();
    for (const std::size_t piece_bytes : {std::size_t{17}, std::size_t{1} << 20}) {
      const Outcome outcome = read_all(body, coding, piece_bytes);
      EXPECT_TRUE(outcome.status);
      ASSERT_EQ(outcome.ids.size(), 2'000);
      EXPECT_EQ(outcome.ids, outcome.lines);
      EXPECT_LE(outcome.largest_batch, DocumentBatch().max_points);
    }
  }
}

TEST(DocumentReader, KeepsBadLinesApart) {
  const std::string text =
      "\xef\xbb\xbf"
      R"({"id":1,"text":"a"})"
      "\n\nbad\n" +
      (R"({"id":2,"text":")" + std::string(2'000, 'x') + "\"}\n") +
      "{\"id\":3,\"text\":\"c\"}\r\n"
      R"({"id":4,"text":"d"})";
  const Outcome outcome = read_all(text, ContentCoding::kIdentity, 100);
  EXPECT_TRUE(outcome.status);
  EXPECT_EQ(outcome.ids, (std::vector<std::uint64_t>{1, 3, 4}));
  EXPECT_EQ(outcome.lines, (std::vector<std::uint64_t>{1, 5, 6}));
  ASSERT_EQ(outcome.errors.size(), 2);
  EXPECT_EQ(outcome.errors[0].line, 3);
  EXPECT_EQ(outcome.errors[1].line, 4);
  EXPECT_TRUE(outcome.errors[1].reason.contains("longer than 1000 bytes"));
}

TEST(DocumentReader, KeepsTheLinesBeforeDamage) {
  const std::string packed = compress(ContentCoding::kGzip, many_lines(5'000)).value();
  const Outcome cut_off = read_all(std::string_view(packed).substr(0, packed.size() / 2), ContentCoding::kGzip, 1'000);
  EXPECT_FALSE(cut_off.status);
  EXPECT_GT(cut_off.ids.size(), 1'000);
  std::string damaged = packed;
  for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 50; ++i) damaged[i] = '\0';
  const Outcome outcome = read_all(damaged, ContentCoding::kGzip, 1'000);
  EXPECT_FALSE(outcome.status);
  EXPECT_GT(outcome.ids.size(), 1'000);
}

TEST(DocumentReader, ABombOfOneLineTakesNoMemory) {
  const std::string bomb = compress(ContentCoding::kZstd, std::string(std::size_t{64} << 20, ' ')).value();
  const Outcome outcome = read_all(bomb, ContentCoding::kZstd, bomb.size());
  EXPECT_TRUE(outcome.status);
  ASSERT_EQ(outcome.errors.size(), 1);
  EXPECT_TRUE(outcome.errors[0].reason.contains("longer"));
}

}  // namespace
}  // namespace orthant::bulk
