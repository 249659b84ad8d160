#pragma once
// Dates and times as payloads and filters write them: RFC 3339 and its usual relaxations.

#include <cstdint>
#include <optional>
#include <string_view>

namespace orthant {

// Microseconds since 1970-01-01T00:00:00Z. Takes 2024-01-31, 2024-01-31T23:59, 2024-01-31 23:59:59.123456789, with seconds also an
// offset (Z, z, " UTC", +01:00, +0100, +01, a space allowed before it); without an offset the time is UTC. What is finer than a
// microsecond is cut off. Nothing for any other text or for days that do not exist.
std::optional<std::int64_t> parse_datetime_us(std::string_view text);

}  // namespace orthant
