#pragma once
// Dates and times as RFC 3339 writes them: "2024-02-29", "2024-02-29T12:00:00.5Z". Free functions, any thread.

#include <cstdint>
#include <string>

namespace orthant {

// Of days since 1970. Years out of 0 to 9999: the number as it is, of both.
std::string date_text(std::int64_t days);
// Of units since 1970. `in_utc`: with a Z.
std::string timestamp_text(std::int64_t units, std::uint32_t units_a_second, bool in_utc);

}  // namespace orthant
