#pragma once
// The frame of our charts as SVG documents of their own: no scripts, no fonts or files from elsewhere, and readable on light and
// dark paper (it follows the reader's prefers-color-scheme). Free functions.
//
// Classes that a body may use: text, title, faint, grid; s0 to s5 fill the colours of series, l0 to l5 draw lines in them.

#include <cstddef>
#include <string>
#include <string_view>

namespace orthant {

inline constexpr std::size_t kChartSeries = 6;

// For text and attributes; control characters become spaces.
std::string escape_xml(std::string_view text);

// `body`: elements of a drawing of that size.
std::string svg_document(int width, int height, std::string_view title, std::string_view body);

}  // namespace orthant
