#pragma once
// The version of this build, from the project() line of CMakeLists.txt.

#include <string_view>

namespace orthant {

inline constexpr std::string_view kVersion = ORTHANT_VERSION;

}  // namespace orthant
