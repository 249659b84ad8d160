#pragma once
// Ids of requests: what joins a client's error with the line of a log. Free functions, any thread.

#include <string>
#include <string_view>

namespace orthant {

inline constexpr std::string_view kRequestIdHeader = "X-Request-Id";

// `given` where it can be used: at most 128 letters, digits and signs of "-_.:/+=@"; else a new one of 16 hex digits.
std::string request_id(std::string_view given);

}  // namespace orthant
