#include "api/bulk/line_splitter.h"

#include <utility>

namespace orthant::bulk {

std::optional<LineSplitter::Line> LineSplitter::next() {
  const std::size_t end = piece_.find('\n');
  const std::string_view part = piece_.substr(0, end);
  const bool complete = end != std::string_view::npos;
  piece_.remove_prefix(complete ? end + 1 : part.size());
  if (overflowed_ || begun_.size() + part.size() > max_line_bytes_) {
    overflowed_ = true;
    begun_.clear();
  } else if (!complete) {
    begun_ += part;
  }
  if (!complete) return std::nullopt;
  if (overflowed_) return take({});
  if (begun_.empty()) return take(part);
  begun_ += part;
  line_ = std::exchange(begun_, {});
  return take(line_);
}

std::optional<LineSplitter::Line> LineSplitter::finish() {
  if (begun_.empty() && !overflowed_) return std::nullopt;
  line_ = std::exchange(begun_, {});
  return take(line_);
}

LineSplitter::Line LineSplitter::take(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  return Line{++number_, text, std::exchange(overflowed_, false)};
}

}  // namespace orthant::bulk
