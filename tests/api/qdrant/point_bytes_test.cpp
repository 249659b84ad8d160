#include "api/qdrant/point_bytes.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace orthant::qdrant {
namespace {

Record record(PointId id, std::vector<std::vector<float>> vectors, std::string payload = "{}") {
  Record made;
  made.id = id;
  made.payload = std::move(payload);
  made.vectors.emplace();
  for (auto& vector : vectors) made.vectors->emplace_back("v" + std::to_string(made.vectors->size()), std::move(vector));
  return made;
}

TEST(PointBytes, HeadsComeBackAsTheyWere) {
  const PointId uuid = *PointId::parse_uuid("00010203-0405-0607-0809-0a0b0c0d0e0f");
  for (const PointId& id : {PointId::number(0), PointId::number(~std::uint64_t{0}), uuid}) {
    std::string bytes;
    append_point_head(bytes, id, 12345);
    ASSERT_EQ(bytes.size(), kPointHeadBytes);
    const auto head = parse_point_head(bytes);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->id, id);
    EXPECT_EQ(head->payload_bytes, 12345u);
    bytes[0] = 2;
    EXPECT_FALSE(parse_point_head(bytes).has_value());
  }
  std::string bytes;
  append_points_header(bytes, VectorForm::kInt8, 70'000);
  ASSERT_EQ(bytes.size(), kPointsHeaderBytes);
  const auto header = parse_points_header(bytes);
  EXPECT_EQ(header->form, VectorForm::kInt8);
  EXPECT_EQ(header->dim, 70'000u);
  EXPECT_FALSE(parse_points_header(bytes.substr(0, 15)).has_value());
  bytes[6] = 3;
  EXPECT_FALSE(parse_points_header(bytes).has_value());
}

TEST(PointBytes, PagesHoldIdVectorAndPayload) {
  const auto page = render_points({record(PointId::number(5), {{1.5f, -2}}), record(PointId::number(6), {{0, 3}}, R"({"a":1})")});
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->left_out, 0u);
  std::string_view rest = page->body;
  EXPECT_EQ(parse_points_header(rest)->dim, 2u);
  rest.remove_prefix(kPointsHeaderBytes);
  EXPECT_EQ(parse_point_head(rest)->id.as_number(), 5u);
  EXPECT_EQ(parse_point_head(rest)->payload_bytes, 0u);
  float second = 0;
  std::memcpy(&second, rest.data() + kPointHeadBytes + 4, sizeof second);
  EXPECT_EQ(second, -2.0f);
  rest.remove_prefix(kPointHeadBytes + 8);
  EXPECT_EQ(parse_point_head(rest)->payload_bytes, 7u);
  EXPECT_EQ(rest.substr(kPointHeadBytes + 8), R"({"a":1})");
}

TEST(PointBytes, PointsWithoutTheVectorAreCountedAndSeveralVectorsRefused) {
  const auto page = render_points({record(PointId::number(5), {}), record(PointId::number(6), {{1}})});
  EXPECT_EQ(page->left_out, 1u);
  EXPECT_EQ(page->body.size(), kPointsHeaderBytes + kPointHeadBytes + 4);
  EXPECT_EQ(render_points({})->body.size(), kPointsHeaderBytes);
  EXPECT_FALSE(render_points({record(PointId::number(5), {{1}, {2}})}).has_value());
}

TEST(PointBytes, SourceTextsBecomeThePayloadsTextWhereItHasNone) {
  const auto payload = [](const char* given) {
    Record with_text = record(PointId::number(1), {{1}}, given);
    with_text.texts.emplace_back("v0", "a \"b\"");
    return render_points({with_text})->body.substr(kPointsHeaderBytes + kPointHeadBytes + 4);
  };
  EXPECT_EQ(payload("{}"), R"({"text":"a \"b\""})");
  EXPECT_EQ(payload("{ }"), R"({"text":"a \"b\""})");
  EXPECT_EQ(payload(R"({"x":1})"), R"({"x":1,"text":"a \"b\""})");
  EXPECT_EQ(payload(R"({"text":null})"), R"({"text":null})");
}

}  // namespace
}  // namespace orthant::qdrant
