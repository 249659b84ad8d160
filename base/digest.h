#pragma once
// Digests of bytes: SHA-256 for identities of files, SHA-1 for UUIDv5, a fast 64-bit checksum (XXH3) for our own records.
// Free functions, any thread.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

std::array<std::uint8_t, 20> sha1(std::string_view bytes);
// Lower-case hex.
std::string sha256_hex(std::string_view bytes);
Result<std::string> sha256_hex_of_file(const std::filesystem::path& file);

// Of bytes that come piece by piece. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  // Lower-case hex. Once, at the end.
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view bytes);
// Takes a time that depends on the lengths only, so that answers do not tell how much of a guessed key is right.
bool equal_in_constant_time(std::string_view left, std::string_view right);

// Detects damage, not malice.
std::uint64_t checksum64(std::string_view bytes);

}  // namespace orthant
