#pragma once
// DocumentReader: an NDJSON body -> batches of points. Undoes the content coding, splits lines, parses
// them, and keeps bad ones apart with their number and reason; memory is bounded by one line and one batch. One thread at a time
// (calls may come from different threads in turn).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/bulk/document_line.h"
#include "api/bulk/line_splitter.h"
#include "api/bulk/point_reader.h"
#include "api/http/content_coding.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::bulk {

class DocumentReader final : public PointReader {
 public:
  DocumentReader(ContentCoding coding, LineTarget target, std::size_t max_line_bytes);

  void feed(std::string_view bytes) override;
  Result<Progress> read(DocumentBatch& batch) override;
  // Also the last line, where it has no line feed.
  Status finish(DocumentBatch& batch) override;

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
