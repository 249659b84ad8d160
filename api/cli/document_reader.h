#pragma once
// Reading what users have: texts to encode and documents to ingest, from lines of JSON, of TSV or of plain text. A bad line is an
// error for that line alone. Each reader owns its open file; one thread at a time.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/cli/line_source.h"
#include "base/point_id.h"
#include "base/result.h"

namespace orthant {

struct Document {
  PointId id;
  std::string text;            // the title, where there is one, a space, the text; stripped of white space at both ends
  std::string payload = "{}";  // a JSON object
};

// `title`, a space, `text`, stripped.
std::string joined_text(std::string_view title, std::string_view text);

// An error of the JSON reader in words for a line of a file: the reader itself speaks of request bodies.
std::unexpected<Error> line_error(Error error);

// An object with `text` or `title` or both, and `id` or `_id` (neither: an id made from the line itself). Members of `payload` and
// all others become the payload, `title` included, but not `text`, which the daemon keeps anyway; an id that had to be mapped is
// kept there as `_id`. invalid_argument says what is wrong.
Result<Document> parse_json_document(std::string_view line);

// A JSON string, or the `text` of an object.
Result<std::string> parse_json_text(std::string_view line);

// Whether lines of this file are JSON, whatever packs it.
bool holds_json_lines(const std::filesystem::path& path);

// Texts of an input file, one a line. Lines that hold nothing but white space are no texts of a JSON file, and texts of any other.
class TextReader {
 public:
  static Result<TextReader> open(const std::filesystem::path& path);

  // Nothing at the end. Errors name file and line.
  Result<std::optional<std::string>> next();
  double share_read() const { return lines_.share_read(); }

 private:
  TextReader(std::filesystem::path path, LineSource lines);

  std::filesystem::path path_;
  LineSource lines_;
  bool json_;
};

// Documents of a .jsonl, .ndjson or .tsv file (and those packed as .gz or .zst).
class DocumentReader {
 public:
  struct Line {
    std::uint64_t number = 0;
    Result<Document> document;
  };

  // invalid_argument when the name says neither JSON lines nor TSV, or a TSV file lacks its columns.
  static Result<DocumentReader> open(const std::filesystem::path& path);
  ~DocumentReader();
  DocumentReader(DocumentReader&&) noexcept;
  DocumentReader& operator=(DocumentReader&&) noexcept;

  // The next line that holds anything, nothing at the end. An error here ends the file.
  Result<std::optional<Line>> next();
  double share_read() const;

 private:
  class Impl;
  explicit DocumentReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
