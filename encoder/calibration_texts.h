#pragma once
// The bundled calibration texts, made into a source file by CMake from encoder/data/calibration_texts.txt.

#include <string_view>
#include <vector>

namespace orthant {

extern const std::string_view kCalibrationTexts;

// The same, one a line.
std::vector<std::string_view> calibration_texts();

}  // namespace orthant
