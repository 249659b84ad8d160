#include "engine/storage/point_record.h"

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

PointRecord sample() {
  return {
      .id = PointId::number(42), .operation_id = 9, .slots = {0, 2}, .sources = {{0, "a text"}, {2, ""}}, .payload = R"({"a":1})"};
}

TEST(PointRecord, ComesBackFromItsBytes) {
  PointRecord record = sample();
  EXPECT_EQ(decode_point_record(encode(record)).value(), record);
  record.id = PointId::from_name("x");
  record.slots.clear();
  record.sources.clear();
  record.payload.clear();
  EXPECT_EQ(decode_point_record(encode(record)).value(), record);
}

// The worked example of docs/storage_format.md.
TEST(PointRecord, HasTheDocumentedBytes) {
  using namespace std::string_literals;
  EXPECT_EQ(encode(sample()), "\x01\x00"s + std::string(15, '\0') + "\x2a" + "\x09\0\0\0\0\0\0\0"s + "\x02\0\0\0\x02\0"s +
                                  "\x02\0\0\0\x06\0\0\0"s + "a text" + "\x02\0\0\0\0\0"s + R"({"a":1})");
}

TEST(PointRecord, IsViewedWithoutCopying) {
  const std::string bytes = encode(sample());
  const PointRecordView view = view_point_record(bytes).value();
  EXPECT_EQ(view.id, PointId::number(42));
  EXPECT_EQ(view.operation_id, 9U);
  EXPECT_EQ(view.payload, R"({"a":1})");
  EXPECT_TRUE(view.has_slot(0));
  EXPECT_FALSE(view.has_slot(1));
  EXPECT_TRUE(view.has_slot(2));
}

TEST(PointRecord, ThatEndsEarlyIsDamaged) {
  const std::string bytes = encode(sample());
  const std::size_t header = bytes.size() - sample().payload.size();
  for (std::size_t length = 0; length < header; ++length) {
    const auto decoded = decode_point_record(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(decoded.has_value()) << length;
    EXPECT_EQ(decoded.error().code, ErrorCode::kDataCorruption);
  }
}

TEST(PointRecord, OfANewerVersionIsRefused) {
  std::string bytes = encode(sample());
  bytes.front() = 2;
  EXPECT_EQ(decode_point_record(bytes).error().code, ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace orthant::test
