#pragma once
// The text that stands at a place in a payload. Pure functions, any thread.

#include <optional>
#include <string>
#include <string_view>

#include "engine/payload/json_path.h"

namespace orthant {

// The string at `path`; with [] in the path the strings of all elements, a line feed between them. Nothing where no string stands
// there. `payload` is valid.
std::optional<std::string> text_in_payload(std::string_view payload, const JsonPath& path);

}  // namespace orthant
