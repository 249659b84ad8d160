#pragma once
// JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, as Qdrant's clients make them: what a token claims, and whether it may be
// believed. Pure functions, any thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/grants.h"
#include "base/result.h"
#include "engine/payload/filter.h"

namespace orthant::service {

// The token holds as long as `collection` has a point with all these values.
struct ValueExists {
  std::string collection;
  Filter filter;
};

struct TokenClaims {
  // Null: everything. Without the claim: reading everything.
  std::shared_ptr<const Grants> grants;
  std::optional<ValueExists> value_exists;
  std::string subject;
};

enum class TokenFault {
  kNone,
  kNoToken,    // not of the form, another algorithm, or claims of a kind that is not known
  kSignature,  // made with another key
  kExpired,    // or not good yet
  kClaims,     // well formed, but contradictory or given up by Qdrant (payload constraints)
};

struct TokenResult {
  TokenFault fault = TokenFault::kNone;
  std::string message;  // of kClaims
  TokenClaims claims;
};

// `now` in seconds since 1970; times are taken with a leeway of 30 s for clocks that differ.
TokenResult read_token(std::string_view token, std::string_view key, std::int64_t now);

}  // namespace orthant::service
