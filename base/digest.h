#pragma once
// Digests of bytes: SHA-256 for identities of files, SHA-1 for UUIDv5, a fast 64-bit checksum (XXH3) for our own records.
// Free functions, any thread.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

std::array<std::uint8_t, 20> sha1(std::string_view bytes);
// Lower-case hex.
std::string sha256_hex(std::string_view bytes);
Result<std::string> sha256_hex_of_file(const std::filesystem::path& file);

// Detects damage, not malice.
std::uint64_t checksum64(std::string_view bytes);

}  // namespace orthant
