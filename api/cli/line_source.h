#pragma once
// LineSource: the lines of a file, one after another, in bounded memory. Files that end in .gz or .zst are unpacked on the way; "-"
// is standard input. Owns the open file. One thread at a time.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

// The name that says what a file holds: "corpus.jsonl" for "corpus.jsonl.gz".
std::filesystem::path without_compression_suffix(const std::filesystem::path& path);

class LineSource {
 public:
  // not_found, io_error; a damaged archive shows up as data_corruption while reading.
  static Result<LineSource> open(const std::filesystem::path& path);
  ~LineSource();
  LineSource(LineSource&&) noexcept;
  LineSource& operator=(LineSource&&) noexcept;

  // The next line without its line end (LF or CR LF), nothing at the end of the file. Valid until the next call. A line longer
  // than kMaxLineBytes is invalid_argument and ends the reading.
  Result<std::optional<std::string_view>> next();

  // Of the line that next() gave last, from 1.
  std::uint64_t line_number() const;
  // Of the file's bytes as they lie on disk, 0 to 1; 0 for standard input.
  double share_read() const;

  static constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

 private:
  class Impl;
  explicit LineSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
