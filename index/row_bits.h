#pragma once
// RowBits: a set of ordinals that one writer extends while any number of readers look, without locks. Bits are only ever set.
// Memory comes in pieces that double, so the set of a small collection takes 128 bytes and a large one never moves.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

#include "index/index_config.h"

namespace orthant {

class RowBits {
 public:
  // Writer only. Returns whether the bit was clear.
  bool set(Ordinal ordinal) {
    const Place place = place_of(ordinal);
    if (!pieces_[place.piece]) allocate(place.piece);
    const std::uint64_t before = pieces_[place.piece][place.word].fetch_or(place.bit, std::memory_order_release);
    return (before & place.bit) == 0;
  }

  // Readers: a piece that is not published yet holds no set bit.
  bool test(Ordinal ordinal) const {
    const Place place = place_of(ordinal);
    const std::atomic<std::uint64_t>* piece = published_[place.piece].load(std::memory_order_acquire);
    return piece != nullptr && (piece[place.word].load(std::memory_order_acquire) & place.bit) != 0;
  }

  // Readers: the bits of the ordinals 64 * word and on.
  std::uint64_t word(std::size_t word) const {
    const Place place = place_of(static_cast<Ordinal>(word * 64));
    const std::atomic<std::uint64_t>* piece = published_[place.piece].load(std::memory_order_acquire);
    return piece != nullptr ? piece[place.word].load(std::memory_order_acquire) : 0;
  }

 private:
  static constexpr unsigned kFirstPieceBits = 1024;  // piece i holds kFirstPieceBits << i bits
  static constexpr unsigned kPieces = 23;            // together more than 2^32 bits

  struct Place {
    unsigned piece;
    std::size_t word;
    std::uint64_t bit;
  };
  static Place place_of(Ordinal ordinal) {
    const std::uint64_t shifted = std::uint64_t{ordinal} + kFirstPieceBits;
    const auto piece = static_cast<unsigned>(std::bit_width(shifted / kFirstPieceBits)) - 1;
    const std::uint64_t offset = shifted - (std::uint64_t{kFirstPieceBits} << piece);
    return {piece, offset / 64, std::uint64_t{1} << (offset % 64)};
  }

  void allocate(unsigned piece) {
    pieces_[piece] = std::make_unique<std::atomic<std::uint64_t>[]>((std::size_t{kFirstPieceBits} << piece) / 64);
    published_[piece].store(pieces_[piece].get(), std::memory_order_release);
  }

  std::array<std::unique_ptr<std::atomic<std::uint64_t>[]>, kPieces> pieces_;        // owner; touched by the writer only
  std::array<std::atomic<const std::atomic<std::uint64_t>*>, kPieces> published_{};  // the same pieces, for readers
};

}  // namespace orthant
