#include "api/cli/result_text.h"

#include <vector>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr std::size_t kSnippetCharacters = 280;
constexpr std::size_t kLineCharacters = 96;

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// White space and control characters, of which a terminal would do something else than show them.
bool is_blank(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return value <= 0x20 || value == 0x7f;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += continues_character(byte) ? 0 : 1;
  return count;
}

std::string with_single_spaces(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    // U+0080 to U+009F are control characters as well.
    const bool control_pair = text[i] == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (control_pair) ++i;
    if (!control_pair && !is_blank(text[i])) {
      out += text[i];
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::vector<std::string> broken_into_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!lines.back().empty() && count_characters(lines.back()) + 1 + count_characters(word) > kLineCharacters)
      lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

// Ingestion puts the title before the text; here it stands in a line of its own.
std::string without_title(std::string text, std::string_view title) {
  if (!title.empty() && text.starts_with(title) && text.size() > title.size()) text.erase(0, title.size());
  return text;
}

}  // namespace

std::string snippet(std::string_view text, std::size_t max_characters) {
  std::string clean = with_single_spaces(text);
  if (count_characters(clean) <= max_characters) return clean;
  std::size_t end = 0;
  for (std::size_t count = 0; end < clean.size(); ++end) {
    if (!continues_character(clean[end]) && ++count > max_characters) break;
  }
  const std::size_t space = clean.rfind(' ', end);
  if (space != std::string::npos && space > end / 2) end = space;
  return clean.substr(0, end) + " ...";
}

Result<FoundDocument> found_document(JsonValue point) {
  FoundDocument document;
  const JsonValue id = ORTHANT_TRY(point.require("id"));
  document.id = id.is_string() ? ORTHANT_TRY(id.as_string()) : std::string(id.raw());
  document.score = ORTHANT_TRY(ORTHANT_TRY(point.require("score")).as_double());
  const auto kept = ORTHANT_TRY(point.find_string("text"));
  const auto payload = point.find("payload");
  if (!payload) {
    document.text = kept.value_or("");
    return document;
  }
  if (const auto name = payload->find("_id"); name && name->is_string()) document.id = ORTHANT_TRY(name->as_string());
  if (const auto title = payload->find("title"); title && title->is_string()) document.title = ORTHANT_TRY(title->as_string());
  if (kept) {
    document.text = without_title(*kept, document.title);
    return document;
  }
  const auto text = payload->find("text");
  document.text = text && text->is_string() ? ORTHANT_TRY(text->as_string()) : std::string(payload->raw());
  return document;
}

std::string result_text(std::size_t rank, const FoundDocument& document) {
  std::string text = fmt::format("{:>3}  {:.4f}  {}", rank, document.score, snippet(document.id, 80));
  if (!document.title.empty()) text += "  " + snippet(document.title, 80);
  text += '\n';
  for (const std::string& line : broken_into_lines(snippet(document.text, kSnippetCharacters))) text += "     " + line + '\n';
  return text;
}

}  // namespace orthant
