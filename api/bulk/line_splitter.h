#pragma once
// LineSplitter: text that arrives in pieces -> lines, numbered from 1. A line longer than the limit is dropped as it arrives (it
// never grows in memory) and reported as such. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orthant::bulk {

class LineSplitter {
 public:
  struct Line {
    std::uint64_t number = 0;
    std::string_view text;  // without its end; valid until the next call of next() or finish()
    bool too_long = false;
  };

  explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // `piece` must stay valid until next() has given nothing.
  void feed(std::string_view piece) { piece_ = piece; }
  // The next complete line; nothing when the piece is used up (its rest is kept).
  std::optional<Line> next();
  // The last line, when it has no line feed. Nothing when the text ended with one.
  std::optional<Line> finish();

 private:
  Line take(std::string_view text);

  const std::size_t max_line_bytes_;
  std::string_view piece_;
  std::string begun_;  // the beginning of a line whose end has not arrived
  std::string line_;   // what Line::text points into when a line came in several pieces
  bool overflowed_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace orthant::bulk
