#pragma once
// The bundled calibration texts, made into a source file by CMake from encoder/data/calibration_texts.txt.

#include <string_view>

namespace orthant {

extern const std::string_view kCalibrationTexts;

}  // namespace orthant
