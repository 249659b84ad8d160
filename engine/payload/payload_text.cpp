#include "engine/payload/payload_text.h"

#include <span>

#include "base/json_text.h"

namespace orthant {
namespace {

using Steps = std::span<const JsonPath::Step>;

void collect(std::string_view value, Steps steps, std::optional<std::string>& text) {
  if (steps.empty()) {
    if (value.size() < 2 || value.front() != '"') return;
    if (text) *text += '\n';
    if (!text) text.emplace();
    unescape_json(value.substr(1, value.size() - 2), *text);
    return;
  }
  const JsonPath::Step& step = steps.front();
  if (step.kind == JsonPath::StepKind::kKey) {
    std::string_view found;
    for_each_member(value, [&](std::string_view key, std::string_view member) {
      if (json_text_equals(key, step.key)) found = member;
      return true;
    });
    if (!found.empty()) collect(found, steps.subspan(1), text);
    return;
  }
  std::size_t index = 0;
  for_each_element(value, [&](std::string_view element) {
    if (step.kind == JsonPath::StepKind::kEach || index == step.index) collect(element, steps.subspan(1), text);
    ++index;
    return true;
  });
}

}  // namespace

std::optional<std::string> text_in_payload(std::string_view payload, const JsonPath& path) {
  std::optional<std::string> text;
  collect(payload, path.steps(), text);
  return text;
}

}  // namespace orthant
