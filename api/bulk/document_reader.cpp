#include "api/bulk/document_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace orthant::bulk {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
// Decompressed bytes of one read(): what a bomb can make a thread do in one go.
constexpr std::size_t kBytesPerCall = std::size_t{4} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// What is left of a JSON error for a reader who sees one line.
std::string reason_of(const Error& error) {
  std::string_view message = error.message;
  for (const std::string_view prefix : {"Format error in JSON body: ", "Validation error in JSON body: "}) {
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  }
  return std::string(message);
}

}  // namespace

DocumentReader::DocumentReader(ContentCoding coding, LineTarget target, std::size_t max_line_bytes)
    : decompressor_(coding), splitter_(max_line_bytes), target_(std::move(target)), max_line_bytes_(max_line_bytes) {}

void DocumentReader::feed(std::string_view bytes) {
  decompressor_.feed(bytes);
}

Result<DocumentReader::Progress> DocumentReader::read(DocumentBatch& batch) {
  for (std::size_t done = 0; done < kBytesPerCall; done += text_.size()) {
    if (!splitting_) {
      text_.resize(kPieceBytes);
      const Result<std::size_t> count = decompressor_.read(text_);
      text_.resize(count.value_or(0));
      if (!count) return std::unexpected(count.error());
      if (*count == 0) return Progress::kNeedsInput;
      splitter_.feed(text_);
      splitting_ = true;
    }
    add_lines(batch);
    if (batch.full()) break;
  }
  return Progress::kPaused;
}

Status DocumentReader::finish(DocumentBatch& batch) {
  if (const auto line = splitter_.finish()) add_line(*line, batch);
  if (!decompressor_.at_end()) return invalid_argument("the compressed data ends too early");
  return {};
}

void DocumentReader::add_lines(DocumentBatch& batch) {
  while (!batch.full()) {
    const auto line = splitter_.next();
    if (!line) {
      splitting_ = false;
      return;
    }
    add_line(*line, batch);
  }
}

void DocumentReader::add_line(const LineSplitter::Line& line, DocumentBatch& batch) {
  batch.last_line = line.number;
  std::string_view text = line.text;
  if (line.number == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (line.too_long) {
    batch.errors.push_back({line.number, fmt::format("the line is longer than {} bytes", max_line_bytes_)});
    return;
  }
  if (std::ranges::all_of(text, [](char letter) { return letter == ' ' || letter == '\t'; })) return;
  Result<PointInput> point = parse_document_line(text, target_);
  if (!point) {
    batch.errors.push_back({line.number, reason_of(point.error())});
    return;
  }
  batch.points.push_back(std::move(*point));
  batch.lines.push_back(line.number);
  batch.bytes += text.size();
}

}  // namespace orthant::bulk
