#pragma once
// PointReader: the bytes of a bulk upload -> batches of points, as they arrive, whatever the form of the body. Implementations
// bound their memory by one point and one batch. One thread at a time (calls may come from different threads in turn).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::uint64_t last_line = 0;       // all lines up to here are in this batch or in earlier ones; 0: none came since
  std::optional<BulkPart> part;      // of a stream that can be resumed
  // What makes it full. Small where points hold texts, which take long to encode.
  std::size_t max_points = 256;
  std::size_t max_bytes = std::size_t{1} << 20;
  bool full() const { return points.size() >= max_points || bytes >= max_bytes || errors.size() >= max_points; }
};

class PointReader {
 public:
  enum class Progress {
    kPaused,     // the batch is full or enough was done for one call: call again
    kNeedsInput  // all input is used up; the batch may hold something
  };

  virtual ~PointReader() = default;
  // The next bytes of the body. They must stay valid until read() says kNeedsInput.
  virtual void feed(std::string_view bytes) = 0;
  // Adds to `batch`. invalid_argument: the body is damaged; what `batch` holds is good nevertheless.
  virtual Result<Progress> read(DocumentBatch& batch) = 0;
  // After the last read(). invalid_argument: the body ends too early.
  virtual Status finish(DocumentBatch& batch) = 0;
  // Nothing: nobody knows yet, or before the end.
  virtual std::optional<std::uint64_t> total_rows() const { return std::nullopt; }
};

}  // namespace orthant::bulk
