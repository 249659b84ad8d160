#pragma once
// The curves of a run as an SVG document, from its metrics.jsonl. Free function.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace orthant {

// Loss by step (each point the mean of its neighbourhood), and what evaluations found. invalid_argument when there are no steps.
Result<std::string> training_svg(const std::string& title, const std::filesystem::path& metrics);

}  // namespace orthant
