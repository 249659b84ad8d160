#include "api/service/json_web_token.h"

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "base/digest.h"

namespace orthant::service {
namespace {

constexpr double kLeewaySeconds = 30;
constexpr std::size_t kMostTokenBytes = std::size_t{16} << 10;

int base64url_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

// Without padding. The bits that are left over at the end must be 0: one text for each sequence of bytes.
std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = base64url_value(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  if (count >= 6 || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

struct TokenParts {
  std::string_view signed_text;  // header.claims
  std::string header;
  std::string claims;
  std::string signature;
};

std::optional<TokenParts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  if (token.size() > kMostTokenBytes || first == std::string_view::npos || first == second) return std::nullopt;
  auto header = decode_base64url(token.substr(0, first));
  auto claims = decode_base64url(token.substr(first + 1, second - first - 1));
  auto signature = decode_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return std::nullopt;
  return TokenParts{token.substr(0, second), std::move(*header), std::move(*claims), std::move(*signature)};
}

// "none" and algorithms with public keys are never believed: only what the server's own key can have made.
bool has_our_algorithm(const std::string& header) {
  const auto document = JsonDocument::parse(header);
  if (!document) return false;
  const auto algorithm = document->root().find_string("alg");
  return algorithm && *algorithm == "HS256";
}

Result<CollectionRight> read_right(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  if (name == "r") return CollectionRight::kRead;
  if (name == "rw") return CollectionRight::kWrite;
  if (name == "prw") return CollectionRight::kWritePoints;
  return value.expected("r, rw or prw");
}

// Errors of form are no token; those of the claims themselves have this mark.
constexpr std::string_view kClaimsFault = "access: ";

Result<std::shared_ptr<const Grants>> read_access(JsonValue access) {
  if (access.is_string()) {
    const std::string name = ORTHANT_TRY(access.as_string());
    if (name == "m") return nullptr;
    if (name != "r") return access.expected("r, m or a list");
    return std::make_shared<const Grants>(Grants::Scope::kReadAll);
  }
  ORTHANT_TRY(access.expect_array());
  std::map<std::string, CollectionRight, std::less<>> collections;
  for (const JsonValue entry : access.items()) {
    std::string name = ORTHANT_TRY(ORTHANT_TRY(entry.require("collection")).as_string());
    const CollectionRight right = ORTHANT_TRY(read_right(ORTHANT_TRY(entry.require("access"))));
    // Giving more than a token says would be wrong, and Qdrant knows these constraints no more.
    if (entry.find("payload")) {
      return invalid_argument(fmt::format("{}payload constraints are not supported (collection {})", kClaimsFault, name));
    }
    if (!collections.try_emplace(name, right).second) {
      return invalid_argument(fmt::format("{}Collection name should be unique, found {} twice", kClaimsFault, name));
    }
  }
  return std::make_shared<const Grants>(std::move(collections));
}

Result<MatchScalar> read_scalar(JsonValue value) {
  if (value.is_bool()) return ORTHANT_TRY(value.as_bool());
  if (value.is_integer()) return ORTHANT_TRY(value.as_int());
  return ORTHANT_TRY(value.as_string());
}

Result<ValueExists> read_value_exists(JsonValue claim) {
  ValueExists exists;
  exists.collection = ORTHANT_TRY(ORTHANT_TRY(claim.require("collection")).as_string());
  const JsonValue matches = ORTHANT_TRY(claim.require("matches"));
  ORTHANT_TRY(matches.expect_array());
  for (const JsonValue match : matches.items()) {
    std::string key = ORTHANT_TRY(ORTHANT_TRY(match.require("key")).as_string());
    MatchScalar value = ORTHANT_TRY(read_scalar(ORTHANT_TRY(match.require("value"))));
    exists.filter.must.push_back(FieldCondition{std::move(key), MatchValue{std::move(value)}});
  }
  return exists;
}

Result<TokenClaims> read_claims(JsonValue root) {
  ORTHANT_TRY(root.expect_object());
  TokenClaims claims;
  claims.grants = std::make_shared<const Grants>(Grants::Scope::kReadAll);
  if (const auto access = root.find("access")) claims.grants = ORTHANT_TRY(read_access(*access));
  if (const auto exists = root.find("value_exists")) claims.value_exists = ORTHANT_TRY(read_value_exists(*exists));
  claims.subject = ORTHANT_TRY(root.find_string("subject")).value_or("");
  if (claims.subject.empty()) claims.subject = ORTHANT_TRY(root.find_string("sub")).value_or("");
  return claims;
}

// Within its time; nothing when a time is no number.
std::optional<bool> in_time(JsonValue root, double now) {
  const auto end = root.find_double("exp");
  const auto begin = root.find_double("nbf");
  if (!end || !begin) return std::nullopt;
  if (*end && **end + kLeewaySeconds < now) return false;
  return !*begin || **begin - kLeewaySeconds <= now;
}

}  // namespace

TokenResult read_token(std::string_view token, std::string_view key, std::int64_t now) {
  const std::optional<TokenParts> parts = split(token);
  if (!parts || !has_our_algorithm(parts->header)) return {TokenFault::kNoToken, {}, {}};
  const auto wanted = hmac_sha256(key, parts->signed_text);
  if (!equal_in_constant_time(parts->signature, {reinterpret_cast<const char*>(wanted.data()), wanted.size()})) {
    return {TokenFault::kSignature, {}, {}};
  }
  const auto document = JsonDocument::parse(parts->claims);
  if (!document) return {TokenFault::kNoToken, {}, {}};
  Result<TokenClaims> claims = read_claims(document->root());
  const std::optional<bool> timely = in_time(document->root(), static_cast<double>(now));
  if (!timely) return {TokenFault::kNoToken, {}, {}};
  if (!*timely) return {TokenFault::kExpired, {}, {}};
  if (!claims) {
    const bool contradictory = claims.error().message.starts_with(kClaimsFault);
    return {contradictory ? TokenFault::kClaims : TokenFault::kNoToken, claims.error().message, {}};
  }
  return {TokenFault::kNone, {}, std::move(*claims)};
}

}  // namespace orthant::service
