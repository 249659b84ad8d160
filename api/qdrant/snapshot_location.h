#pragma once
// Where a snapshot to be restored lies: a file inside the folder of snapshots, or an address to fetch it from. Blocking; not for io
// threads, except parse_location().

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "engine/requests.h"

namespace orthant::qdrant {

struct HttpLocation {
  std::string base;    // http://host:port
  std::string target;  // path and query
};
using SnapshotLocation = std::variant<std::filesystem::path, HttpLocation>;

// "file:///path", "file://localhost/path" or "http://host[:port]/path". "Bad request: " errors for everything else, for files that
// do not exist and for those outside of `folder`, links resolved.
Result<SnapshotLocation> parse_location(std::string_view text, const SnapshotFolder& folder);

// Fetches it into `file`, which must not exist. "Bad request: " errors where the server has no such file or cannot be reached;
// io_error where it cannot be written.
Status fetch_snapshot(const HttpLocation& location, const std::string& api_key, const std::filesystem::path& file);

}  // namespace orthant::qdrant
