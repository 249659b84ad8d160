#pragma once
// The dashboard's files (assets/), compiled in. Immutable; any thread.

#include <span>
#include <string_view>

namespace orthant::dashboard {

struct Asset {
  std::string_view name;
  std::string_view content;
};
std::span<const Asset> assets();

}  // namespace orthant::dashboard
