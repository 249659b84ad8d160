#include "base/bytes.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "base/bitmap.h"

namespace orthant {
namespace {

TEST(Bytes, AreReadBackAsTheyWereAppended) {
  std::string bytes;
  append_value(bytes, std::uint32_t{0x01020304});
  append_value(bytes, -2.5f);
  append_big_endian(bytes, std::uint64_t{0x0102030405060708});
  append_sized(bytes, "text");
  append_sized(bytes, "");
  EXPECT_EQ(bytes.substr(0, 4), "\x04\x03\x02\x01");
  EXPECT_EQ(bytes.substr(8, 8), "\x01\x02\x03\x04\x05\x06\x07\x08");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x01020304u);
  EXPECT_EQ(reader.read<float>(), -2.5f);
  EXPECT_EQ(reader.read_big_endian<std::uint64_t>(), 0x0102030405060708u);
  EXPECT_EQ(reader.read_sized(), "text");
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.read_sized(), "");
  EXPECT_TRUE(reader.at_end());
}

TEST(Bytes, InBigEndianSortAsNumbersDo) {
  const std::uint32_t ascending[] = {0, 1, 255, 256, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  std::string before;
  for (const std::uint32_t value : ascending) {
    std::string key;
    append_big_endian(key, value);
    if (!before.empty()) {
      EXPECT_LT(before, key) << value;
    }
    before = key;
  }
}

TEST(Bytes, ThatRunOutGiveNothing) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.read<std::uint32_t>(), std::nullopt);
  EXPECT_EQ(reader.read_bytes(4), std::nullopt);
  EXPECT_EQ(reader.rest(), "abc");  // a failed read takes nothing
  EXPECT_EQ(reader.read_bytes(3), "abc");
  EXPECT_EQ(reader.read<std::uint8_t>(), std::nullopt);
  EXPECT_EQ(ByteReader("").read_sized(), std::nullopt);
}

TEST(Bytes, WithALengthThatLiesGiveNothing) {
  std::string bytes;
  append_value(bytes, std::uint32_t{0xFFFFFFFF});
  bytes += "short";
  EXPECT_EQ(ByteReader(bytes).read_sized(), std::nullopt);
}

TEST(Bitmap, CountsAndVisitsWhatIsSet) {
  Bitmap bitmap(130);
  for (const std::size_t position : {0u, 63u, 64u, 129u}) bitmap.set(position);
  bitmap.set(5);
  bitmap.reset(5);
  EXPECT_EQ(bitmap.count(), 4u);
  std::vector<std::size_t> visited;
  bitmap.for_each([&](std::size_t position) { visited.push_back(position); });
  EXPECT_EQ(visited, (std::vector<std::size_t>{0, 63, 64, 129}));
  EXPECT_TRUE(bitmap.test(129));
  EXPECT_FALSE(bitmap.test(130));
  EXPECT_FALSE(bitmap.test(1000));
}

TEST(Bitmap, MadeFullHasNoBitsPastItsSize) {
  for (const std::size_t size : {0u, 1u, 63u, 64u, 65u, 200u}) {
    const Bitmap bitmap(size, true);
    EXPECT_EQ(bitmap.count(), size);
    EXPECT_FALSE(bitmap.test(size));
  }
}

TEST(AlignedArray, IsZeroedAndAligned) {
  for (const std::size_t size : {1u, 1000u, 3u << 20}) {
    const AlignedArray<std::uint8_t> array(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % (size < kHugePageBytes ? kCacheLineBytes : kHugePageBytes), 0u);
    EXPECT_EQ(std::count(array.data(), array.data() + size, 0), static_cast<std::ptrdiff_t>(size));
  }
  EXPECT_EQ(AlignedArray<float>(0).size(), 0u);
}

}  // namespace
}  // namespace orthant
