#include "engine/collection/write_op.h"

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

std::vector<WriteOp> samples() {
  const std::vector<PointId> ids = {PointId::number(1), PointId::from_name("x")};
  const PreparedPoint point{ids[0], {{0, "bytes", "a text"}, {3, "", std::nullopt}}, R"({"a":1})"};
  std::vector<WriteOp> ops;
  ops.push_back(UpsertOp{{point, {ids[1], {}, "{}"}}, UpdateMode::kUpsert, {}});
  ops.push_back(UpdateVectorsOp{{point}});
  ops.push_back(DeletePointsOp{ids});
  ops.push_back(DeleteVectorsOp{ids, {0, 3}});
  ops.push_back(EditPayloadOp{ids, PayloadEdit::kSet, "{}", "a.b", {}});
  ops.push_back(EditPayloadOp{ids, PayloadEdit::kDelete, "", std::nullopt, {"a", "b"}});
  ops.push_back(EditPayloadOp{std::vector<PointId>{}, PayloadEdit::kClear, "", std::nullopt, {}});
  return ops;
}

TEST(WriteOp, ComesBackFromItsBytes) {
  for (const WriteOp& op : samples()) {
    const std::string bytes = encode(op).value();
    const WriteOp decoded = decode_write_op(bytes).value();
    EXPECT_EQ(decoded.index(), op.index());
    EXPECT_EQ(encode(decoded).value(), bytes);
  }
  const WriteOp decoded = decode_write_op(encode(samples().front()).value()).value();
  EXPECT_EQ(std::get<UpsertOp>(decoded).points, std::get<UpsertOp>(samples().front()).points);
}

TEST(WriteOp, HasTheDocumentedBytes) {
  using namespace std::string_literals;
  EXPECT_EQ(encode(DeleteVectorsOp{std::vector{PointId::number(5)}, {2}}).value(),
            "\x01\x03"
            "\x01\0\0\0"s +
                std::string(16, '\0') + "\x05" + "\x01\0\0\0"s + "\x02\0"s);
}

TEST(WriteOp, HasNoBytesBeforeItIsResolved) {
  EXPECT_FALSE(encode(DeletePointsOp{Filter{}}).has_value());
  EXPECT_FALSE(encode(UpsertOp{{}, UpdateMode::kInsertOnly, {}}).has_value());
  EXPECT_FALSE(encode(UpsertOp{{}, UpdateMode::kUpsert, Filter{}}).has_value());
  EXPECT_TRUE(is_resolved(samples().front()));
}

TEST(WriteOp, ThatIsCutOrHasAByteTooManyIsDamaged) {
  for (const WriteOp& op : samples()) {
    const std::string bytes = encode(op).value();
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      ASSERT_FALSE(decode_write_op(std::string_view(bytes).substr(0, length)).has_value()) << op.index() << " cut at " << length;
    }
    EXPECT_FALSE(decode_write_op(bytes + "x").has_value());
  }
}

TEST(WriteOp, WithImpossibleLengthsIsDamaged) {
  std::string bytes = encode(samples().front()).value();
  for (std::size_t i = 2; i < 6; ++i) bytes[i] = '\xff';
  EXPECT_EQ(decode_write_op(bytes).error().code, ErrorCode::kDataCorruption);
}

}  // namespace
}  // namespace orthant::test
