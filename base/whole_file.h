#pragma once
// Reads files of limited size at once. Free function, any thread.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

#include "base/result.h"

namespace orthant {

// io_error where the file cannot be read, invalid_argument where it has more than `max_bytes`.
Result<std::string> read_whole_file(const std::filesystem::path& file,
                                    std::uintmax_t max_bytes = std::numeric_limits<std::uintmax_t>::max());

}  // namespace orthant
