#include "api/charts/svg_document.h"

#include <array>

#include <fmt/format.h>

namespace orthant {
namespace {

// Colours of middle lightness: 3 : 1 against white and against near-black.
constexpr std::array<const char*, kChartSeries> kOnLight = {"#6e7781", "#1f78c8", "#8250df", "#1a8a3a", "#d1570b", "#bf3989"};
constexpr std::array<const char*, kChartSeries> kOnDark = {"#8b949e", "#58a6ff", "#a371f7", "#3fb950", "#f0883e", "#db61a2"};

std::string series_rules(const std::array<const char*, kChartSeries>& colours) {
  std::string rules;
  for (std::size_t i = 0; i < colours.size(); ++i) {
    rules += fmt::format(" .s{0} {{ fill: {1} }} .l{0} {{ stroke: {1} }}", i, colours[i]);
  }
  return rules;
}

std::string style() {
  return fmt::format(
      "  <style>\n"
      "    .paper {{ fill: #ffffff }} text {{ fill: #24292f; font: 13px system-ui, sans-serif }} .faint {{ fill: #57606a }}\n"
      "    .title {{ font-size: 17px; font-weight: 600 }} .grid {{ stroke: #d0d7de }} polyline {{ fill: none; stroke-width: 2 }}\n"
      "   {}\n"
      "    @media (prefers-color-scheme: dark) {{\n"
      "      .paper {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .faint {{ fill: #9198a1 }} .grid {{ stroke: #30363d }}\n"
      "     {}\n"
      "    }}\n"
      "  </style>\n",
      series_rules(kOnLight), series_rules(kOnDark));
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string svg_document(int width, int height, std::string_view title, std::string_view body) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
      "aria-label=\"{2}\">\n{3}  <rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n{4}</svg>\n",
      width, height, escape_xml(title), style(), body);
}

}  // namespace orthant
