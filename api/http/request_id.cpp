#include "api/http/request_id.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <random>

namespace orthant {
namespace {

constexpr std::size_t kMostBytes = 128;
constexpr std::string_view kSigns = "-_.:/+=@";

bool usable(std::string_view text) {
  return !text.empty() && text.size() <= kMostBytes && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || kSigns.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// SplitMix64 (Steele, Lea, Flood 2014) from a random start a thread: unlikely to meet another's, and no secret.
std::uint64_t next_number() {
  thread_local std::uint64_t state = (std::uint64_t{std::random_device()()} << 32) ^ std::random_device()();
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

std::string request_id(std::string_view given) {
  if (usable(given)) return std::string(given);
  std::string id(16, '0');
  std::uint64_t number = next_number();
  for (char& digit : id) {
    digit = "0123456789abcdef"[number & 15];
    number >>= 4;
  }
  return id;
}

}  // namespace orthant
