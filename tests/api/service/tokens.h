#pragma once
// Makes JSON Web Tokens, as a client's library would.

#include <string>
#include <string_view>

#include "base/digest.h"

namespace orthant::test {

inline std::string base64url(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) bits = bits << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4 && i * 8 + j * 6 < bytes.size() * 8; ++j) text += kDigits[bits >> (18 - 6 * j) & 63];
  }
  return text;
}

inline std::string make_token(std::string_view claims, std::string_view key,
                              std::string_view header = R"({"alg":"HS256","typ":"JWT"})") {
  const std::string text = base64url(header) + "." + base64url(claims);
  const auto signature = hmac_sha256(key, text);
  return text + "." + base64url({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

}  // namespace orthant::test
