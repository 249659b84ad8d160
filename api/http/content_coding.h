#pragma once
// Content codings of HTTP bodies: gzip, deflate (zlib) and zstd, read as a stream or whole, and gzip and zstd for answers. The home
// of zlib and zstd. Objects belong to one thread at a time; free functions, any thread.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

enum class ContentCoding { kIdentity, kGzip, kDeflate, kZstd };
std::string_view content_coding_name(ContentCoding coding);

// The value of Content-Encoding; empty is identity. invalid_argument for codings that are not supported, or for more than one.
Result<ContentCoding> parse_content_coding(std::string_view header);

// The best of zstd, gzip and identity that Accept-Encoding allows.
ContentCoding choose_answer_coding(std::string_view accept_encoding);

// Undoes a coding piece by piece; the output of one call is bounded by the caller's span, whatever the input expands to. Several
// gzip members or zstd frames in a row are one body.
class Decompressor {
 public:
  explicit Decompressor(ContentCoding coding);
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // The next input. It must stay valid until read() has given 0 for it.
  void feed(std::string_view input);
  // Fills the beginning of `out`; 0 when all input is used up. invalid_argument: the data is damaged.
  Result<std::size_t> read(std::span<char> out);
  // True between members or frames: the input may end here.
  bool at_end() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The whole body decoded. invalid_argument when damaged, cut off, or larger than `max_bytes`.
Result<std::string> decompress(ContentCoding coding, std::string_view bytes, std::size_t max_bytes);

// For answers: fast levels. kGzip and kZstd only.
Result<std::string> compress(ContentCoding coding, std::string_view bytes);

}  // namespace orthant
