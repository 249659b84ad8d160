#include "api/bulk/vector_reader.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace orthant::bulk {
namespace {

std::string header(std::uint8_t form, std::uint32_t dim, std::uint16_t version = 1) {
  std::string bytes = "ORPT";
  append_value(bytes, version);
  append_value(bytes, form);
  append_value(bytes, std::uint8_t{0});
  append_value(bytes, dim);
  append_value(bytes, std::uint32_t{0});
  return bytes;
}

std::string point(std::uint32_t kind, std::uint64_t id, std::string_view vector, std::string_view payload = "") {
  std::string bytes;
  append_value(bytes, kind);
  append_value(bytes, static_cast<std::uint32_t>(payload.size()));
  append_value(bytes, id);
  append_value(bytes, std::uint64_t{0});
  bytes += vector;
  bytes += payload;
  return bytes;
}

std::string floats(float a, float b) {
  std::string bytes;
  append_value(bytes, a);
  append_value(bytes, b);
  return bytes;
}

IndexConfig config_of(VectorForm form, std::size_t dim) {
  IndexConfig config;
  config.form = form;
  config.dim = dim;
  return config;
}

struct Outcome {
  std::vector<PointInput> points;
  std::vector<std::uint64_t> lines;
  std::vector<LineError> errors;
  Status status;
};

// The body in pieces of `piece` bytes.
Outcome read_all(const std::string& body, std::size_t piece, const IndexConfig& config = config_of(VectorForm::kFloat32, 2)) {
  VectorReader reader(ContentCoding::kIdentity, "v", config, 1000);
  Outcome outcome;
  DocumentBatch batch;
  const auto take = [&] {
    for (PointInput& each : batch.points) outcome.points.push_back(std::move(each));
    outcome.lines.insert(outcome.lines.end(), batch.lines.begin(), batch.lines.end());
    outcome.errors.insert(outcome.errors.end(), batch.errors.begin(), batch.errors.end());
    batch = {};
  };
  for (std::size_t at = 0; at < body.size() && outcome.status; at += piece) {
    const std::string part = body.substr(at, piece);
    reader.feed(part);
    Result<PointReader::Progress> progress = PointReader::Progress::kPaused;
    while (progress && *progress == PointReader::Progress::kPaused) {
      progress = reader.read(batch);
      take();
    }
    if (!progress) outcome.status = std::unexpected(progress.error());
  }
  if (outcome.status) outcome.status = reader.finish(batch);
  return outcome;
}

TEST(VectorReader, ReadsPointsHoweverTheBodyIsCut) {
  std::string body = header(0, 2) + point(0, 7, floats(1.5f, -2)) + point(0, 1ull << 40, floats(0, 1), R"( {"a": [1]} )");
  std::string uuid = point(1, 0, floats(3, 4));
  for (int i = 0; i < 16; ++i) uuid[8 + static_cast<std::size_t>(i)] = static_cast<char>(i);
  body += uuid;
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    const Outcome outcome = read_all(body, piece);
    ASSERT_TRUE(outcome.status.has_value()) << outcome.status.error().message;
    ASSERT_EQ(outcome.points.size(), 3u);
    EXPECT_EQ(outcome.lines, (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(outcome.points[0].id.as_number(), 7u);
    EXPECT_EQ(outcome.points[0].payload, "{}");
    EXPECT_EQ(outcome.points[0].vectors[0].first, "v");
    EXPECT_EQ(std::get<std::vector<float>>(outcome.points[0].vectors[0].second), (std::vector<float>{1.5f, -2}));
    EXPECT_EQ(outcome.points[1].id.as_number(), 1ull << 40);
    EXPECT_EQ(outcome.points[1].payload, R"({"a": [1]})");
    EXPECT_EQ(outcome.points[2].id.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
  }
}

TEST(VectorReader, TakesCodesInTheFormOfTheCollection) {
  const Outcome bits = read_all(header(2, 20) + point(0, 1, "\x01\x02\x03"), 1000, config_of(VectorForm::kUbinary, 20));
  ASSERT_TRUE(bits.status.has_value());
  EXPECT_EQ(std::get<CodeInput>(bits.points.at(0).vectors[0].second).bytes, (std::vector<std::uint8_t>{1, 2, 3}));
  const Outcome bytes = read_all(header(1, 2) + point(0, 1, "\x80\x7f"), 1000, config_of(VectorForm::kInt8, 2));
  EXPECT_EQ(std::get<CodeInput>(bytes.points.at(0).vectors[0].second).bytes, (std::vector<std::uint8_t>{0x80, 0x7f}));
}

TEST(VectorReader, RefusesOnlyPointsThatAreBad) {
  const std::string body = header(0, 2) + point(9, 1, floats(1, 1)) + point(0, 2, floats(1, 1), "[1]") +
                           point(0, 3, floats(1, 1), "{\"a\":") + point(0, 4, floats(1, 1));
  const Outcome outcome = read_all(body, 10);
  ASSERT_TRUE(outcome.status.has_value());
  ASSERT_EQ(outcome.errors.size(), 3u);
  EXPECT_EQ(outcome.errors[0].reason, "id kind 9, expected 0 or 1");
  EXPECT_EQ(outcome.errors[1].line, 2u);
  EXPECT_EQ(outcome.errors[2].line, 3u);
  ASSERT_EQ(outcome.points.size(), 1u);
  EXPECT_EQ(outcome.lines.at(0), 4u);
}

TEST(VectorReader, EndsAtWhatItCannotFollow) {
  const auto error = [](const std::string& body) {
    const Outcome outcome = read_all(body, 100);
    return outcome.status ? std::string() : outcome.status.error().message;
  };
  EXPECT_NE(error("NOPE" + header(0, 2).substr(4)).find("ORPT"), std::string::npos);
  EXPECT_NE(error(header(0, 2, 2)).find("version 2, expected 1"), std::string::npos);
  EXPECT_NE(error(header(1, 2)).find("form 1"), std::string::npos);
  EXPECT_NE(error(header(0, 3)).find("3 dimensions, the collection's vector `v` has 2"), std::string::npos);
  EXPECT_NE(error(header(0, 2).substr(0, 9)).find("inside its header"), std::string::npos);
  EXPECT_NE(error(header(0, 2) + point(0, 1, floats(1, 1)) + "abc").find("inside point 2"), std::string::npos);
  EXPECT_NE(error(header(0, 2) + point(0, 1, floats(1, 1), std::string(1001, ' '))).find("a payload of 1001 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace orthant::bulk
