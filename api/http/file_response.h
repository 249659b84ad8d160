#pragma once
// A file as an answer, read from disk while it is sent: Content-Length, ETag, and single byte ranges (RFC 9110, section 14) with
// If-Range. Free functions, any thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/thread_pool.h"

namespace orthant {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};
enum class RangeKind { kWhole, kPart, kUnsatisfiable };
struct RangeChoice {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range;  // of kPart and kWhole
};
// What a Range header asks of `size` bytes. Several ranges, other units and malformed headers mean the whole, as the RFC allows.
RangeChoice choose_range(std::string_view header, std::uint64_t size);

// `file` for `request`: 200, 206 or 416. `name` is what clients save it under, `entity_tag` (may be empty) names its content. Reads
// run on `pool`, which outlives the server. not_found or io_error when it cannot be opened.
Result<Response> file_response(const Request& request, const std::filesystem::path& file, std::string_view name,
                               std::string_view entity_tag, ThreadPool& pool);

}  // namespace orthant
