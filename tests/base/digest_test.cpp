#include "base/digest.h"

#include <fstream>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

// Expected digests are those of Python's hashlib.
TEST(Digest, MatchesPublishedAlgorithms) {
  EXPECT_EQ(fmt::format("{:02x}", fmt::join(sha1("orthant"), "")), "c864f916da9f0acc7f2f78a96f1809008a54d036");
  EXPECT_EQ(sha256_hex("orthant"), "c61be6f42b42d9a241dec38c0474e2f65bbdb3d35c11af438dd7c102d5168296");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(checksum64(""), 0x2d06800538d394c2);  // XXH3 of nothing
}

TEST(Digest, OfAFileIsThatOfItsBytes) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory.path() / "large") << std::string(3'000'000, 'x');  // more than one buffer
  std::ofstream(directory.path() / "empty").close();
  EXPECT_EQ(sha256_hex_of_file(directory.path() / "large"), "e55b8bdf621ddaa8f462c74745db9680d3bb7536a9cf854f8d6668b34a287890");
  EXPECT_EQ(sha256_hex_of_file(directory.path() / "empty"), sha256_hex(""));
}

TEST(Digest, OfAFileThatCannotBeReadIsAnError) {
  const test::TemporaryDirectory directory;
  for (const auto& file : {directory.path() / "absent", directory.path()}) {
    const auto digest = sha256_hex_of_file(file);
    ASSERT_FALSE(digest);
    EXPECT_EQ(digest.error().code, ErrorCode::kIoError);
    EXPECT_NE(digest.error().message.find(file.string()), std::string::npos);
  }
}

TEST(Digest, ChecksumSeesEveryBit) {
  std::string bytes(200, 'a');
  const std::uint64_t before = checksum64(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    EXPECT_NE(checksum64(bytes), before);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
  }
}

}  // namespace
}  // namespace orthant
