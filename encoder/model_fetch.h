#pragma once
// Fetches models from the Python packages that ship them. Free functions; several processes may fetch at once.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

bool is_fetchable(std::string_view model);
// "all-MiniLM-L6-v2, potion-base-8M, splade-tiny"
std::string fetchable_models();

// Makes `folder` (in the cache) hold the model, unless it is there already. The folder appears whole, its weights checked by
// SHA-256, or not at all. not_found for another name; unavailable says what was tried, what went wrong and what to do by hand.
Status fetch_model(std::string_view model, const std::filesystem::path& folder);

}  // namespace orthant
