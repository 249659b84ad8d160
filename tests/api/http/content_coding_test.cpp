#include "api/http/content_coding.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

std::string sample_text(std::size_t bytes) {
  std::mt19937_64 random(test::random_seed());
  std::string text;
  while (text.size() < bytes) text += "document " + std::to_string(random() % 100'000) + '\n';
  return text;
}

TEST(ContentCoding, RoundTripsBothCodings) {
  const std::string text = sample_text(500'000);
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string packed = compress(coding, text).value();
    EXPECT_LT(packed.size(), text.size() / 2);
    EXPECT_EQ(decompress(coding, packed, text.size()).value(), text) << content_coding_name(coding);
  }
}

TEST(ContentCoding, ReadsMembersAndFramesInARow) {
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string packed = compress(coding, "first ").value() + compress(coding, "second").value();
    EXPECT_EQ(decompress(coding, packed, 100).value(), "first second") << content_coding_name(coding);
  }
}

TEST(ContentCoding, ReadsInputCutAnywhere) {
  const std::string text = sample_text(20'000);
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string packed = compress(coding, text).value();
    Decompressor decompressor(coding);
    std::string out;
    for (const char& byte : packed) {
      decompressor.feed(std::string_view(&byte, 1));
      std::array<char, 7> piece;
      for (std::size_t count = 1; count != 0;) {
        count = decompressor.read(piece).value();
        out.append(piece.data(), count);
      }
    }
    EXPECT_TRUE(decompressor.at_end());
    EXPECT_EQ(out, text) << content_coding_name(coding);
  }
}

TEST(ContentCoding, BoundsWhatABombExpandsTo) {
  const std::string zeros(64 << 20, '\0');
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string bomb = compress(coding, zeros).value();
    const auto refused = decompress(coding, bomb, 1 << 20);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(refused.error().message.find("larger than allowed"), std::string::npos);
  }
}

TEST(ContentCoding, ReportsDamagedAndCutOffData) {
  const std::string text = sample_text(50'000);
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kZstd}) {
    const std::string packed = compress(coding, text).value();
    const auto cut_off = decompress(coding, std::string_view(packed).substr(0, packed.size() / 2), text.size());
    ASSERT_FALSE(cut_off);
    EXPECT_NE(cut_off.error().message.find("ends too early"), std::string::npos) << cut_off.error().message;
    EXPECT_FALSE(decompress(coding, "this is no compressed data at all", 1000));
  }
}

TEST(ContentCoding, ChoosesWhatTheClientAccepts) {
  EXPECT_EQ(choose_answer_coding(""), ContentCoding::kIdentity);
  EXPECT_EQ(choose_answer_coding("gzip, deflate, br"), ContentCoding::kGzip);
  EXPECT_EQ(choose_answer_coding("gzip;q=0.5, zstd"), ContentCoding::kZstd);
  EXPECT_EQ(choose_answer_coding("GZIP;q=0, zstd;q=0.0"), ContentCoding::kIdentity);
  EXPECT_EQ(choose_answer_coding("*"), ContentCoding::kGzip);
  EXPECT_TRUE(parse_content_coding("br").error().message.contains("not supported"));
}

}  // namespace
}  // namespace orthant
