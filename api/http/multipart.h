#pragma once
// MultipartReader: the parts of a multipart/form-data body (RFC 7578) as they arrive, in bounded memory. Belongs to the io thread
// of its body.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/http/message.h"

namespace orthant {

// The boundary of a Content-Type header. invalid_argument for other types, and for boundaries that are missing or too long.
Result<std::string> multipart_boundary(std::string_view content_type);

class MultipartReader {
 public:
  // `body` outlives the reader.
  MultipartReader(BodyReader& body, std::string_view boundary) : body_(body), delimiter_("\r\n--" + std::string(boundary)) {
    // The first delimiter stands at the very beginning, without a line before it.
    buffer_ = "\r\n";
  }

  struct Part {
    std::string name;
    std::string file_name;
  };
  // Passes over what is left of the present part. Nothing after the last one. invalid_argument: the framing is broken; otherwise
  // the body's own errors.
  Awaitable<Result<std::optional<Part>>> next_part();
  // Of the present part: fills the beginning of `out` and gives the count, 0 at its end.
  Awaitable<Result<std::size_t>> read_some(std::span<char> out);

 private:
  enum class State { kBetween, kInPart, kEnded };

  Awaitable<Status> fill();
  // The bytes up to and without `mark`, which is passed over.
  Awaitable<Result<std::string>> take_until(std::string_view mark, std::size_t most);
  void drop(std::size_t count) { begin_ += count; }
  std::string_view waiting() const { return std::string_view(buffer_).substr(begin_); }

  BodyReader& body_;
  const std::string delimiter_;
  std::string buffer_;
  std::size_t begin_ = 0;
  State state_ = State::kInPart;  // the preamble is read over like a part
};

}  // namespace orthant
