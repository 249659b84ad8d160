#pragma once
// Reads and writes files at once. Free functions, any thread.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

// io_error where the file cannot be read, invalid_argument where it has more than `max_bytes`.
Result<std::string> read_whole_file(const std::filesystem::path& file,
                                    std::uintmax_t max_bytes = std::numeric_limits<std::uintmax_t>::max());

// Replaces what the file held. io_error where it cannot be written.
Status write_whole_file(const std::filesystem::path& file, std::string_view content);

}  // namespace orthant
