#include "engine/payload/id_slice.h"

#include <bit>
#include <cstddef>
#include <span>

namespace orthant {
namespace {

// SipHash-2-4 (Aumasson & Bernstein, 2012) with a key of zeros: two rounds a word, four at the end. The starting values are the
// paper's.
class SipHash {
 public:
  void add_word(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  std::uint64_t finish(std::size_t byte_count) {
    add_word(std::uint64_t{byte_count} << 56);  // ids are whole words: the last one holds the length only
    v2_ ^= 0xFF;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32) + v3_;
    v2_ += v1_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_ = 0x736F6D6570736575;
  std::uint64_t v1_ = 0x646F72616E646F6D;
  std::uint64_t v2_ = 0x6C7967656E657261;
  std::uint64_t v3_ = 0x7465646279746573;
};

std::uint64_t little_endian_word(std::span<const std::uint8_t> bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
  return word;
}

}  // namespace

std::uint64_t slice_of(const PointId& id, std::uint64_t total) {
  SipHash hash;
  if (!id.is_uuid()) {
    hash.add_word(id.as_number());
    return hash.finish(8) % total;
  }
  const std::span<const std::uint8_t> bytes(id.bytes());
  hash.add_word(little_endian_word(bytes.first(8)));
  hash.add_word(little_endian_word(bytes.last(8)));
  return hash.finish(16) % total;
}

}  // namespace orthant
