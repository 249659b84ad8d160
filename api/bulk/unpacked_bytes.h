#pragma once
// UnpackedBytes: a body as it comes in, unpacked piece by piece into one run of bytes that its reader takes from the front. A value
// type, one thread.

#include <span>
#include <string>
#include <string_view>

#include "api/http/content_coding.h"
#include "base/result.h"

namespace orthant::bulk {

class UnpackedBytes {
 public:
  explicit UnpackedBytes(ContentCoding coding) : decompressor_(coding) {}

  void feed(std::string_view packed) { decompressor_.feed(packed); }
  // Forgets what was taken, then unpacks one more piece behind the rest; views of the bytes end here. Gives its length: 0 when more
  // must be fed. invalid_argument when the packed data is damaged.
  Result<std::size_t> unpack() {
    bytes_.erase(0, taken_);
    taken_ = 0;
    const std::size_t before = bytes_.size();
    bytes_.resize(before + kPieceBytes);
    Result<std::size_t> count = decompressor_.read(std::span(bytes_).subspan(before));
    bytes_.resize(before + count.value_or(0));
    return count;
  }
  void take(std::size_t count) { taken_ += count; }
  std::string_view rest() const { return std::string_view(bytes_).substr(taken_); }
  // The packed data has come to its own end, or is not packed.
  bool at_end() const { return decompressor_.at_end(); }

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

  Decompressor decompressor_;
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace orthant::bulk
