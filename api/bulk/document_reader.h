#pragma once
// DocumentReader: the bytes of a bulk upload -> batches of points, as they arrive. Undoes the content coding, splits lines, parses
// them, and keeps bad ones apart with their number and reason; memory is bounded by one line and one batch. One thread at a time
// (calls may come from different threads in turn).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/bulk/document_line.h"
#include "api/bulk/line_splitter.h"
#include "api/http/content_coding.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::bulk {

struct LineError {
  std::uint64_t line = 0;
  std::string reason;
};

struct DocumentBatch {
  std::vector<PointInput> points;
  std::vector<std::uint64_t> lines;  // of the points
  std::size_t bytes = 0;             // of those lines
  std::vector<LineError> errors;     // lines that make no point
  bool full() const { return points.size() >= kMaxPoints || bytes >= kMaxBytes || errors.size() >= kMaxPoints; }

  static constexpr std::size_t kMaxPoints = 256;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
};

class DocumentReader {
 public:
  enum class Progress {
    kPaused,     // the batch is full or enough was done for one call: call again
    kNeedsInput  // all input is used up; the batch may hold something
  };

  DocumentReader(ContentCoding coding, LineTarget target, std::size_t max_line_bytes);

  // The next bytes of the body. They must stay valid until read() says kNeedsInput.
  void feed(std::string_view bytes);
  // Adds to `batch`. invalid_argument: the compressed data is damaged; what `batch` holds is good nevertheless.
  Result<Progress> read(DocumentBatch& batch);
  // After the last read(): the last line, where it has no line feed. invalid_argument: the compressed data ends too early.
  Status finish(DocumentBatch& batch);

 private:
  void add_lines(DocumentBatch& batch);
  void add_line(const LineSplitter::Line& line, DocumentBatch& batch);

  Decompressor decompressor_;
  LineSplitter splitter_;
  const LineTarget target_;
  const std::size_t max_line_bytes_;
  std::string text_;  // decompressed and not yet split
  bool splitting_ = false;
};

}  // namespace orthant::bulk
