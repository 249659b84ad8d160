#pragma once
// Walking from a payload's text to the values that a path names. Private to engine/payload: filters and field indexes must agree on
// what stands where, so both walk here. Pure functions.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/json_text.h"
#include "engine/payload/json_path.h"

namespace orthant {

// What a path names, one value after the other; visit returns true to stop. Gives what the last visit returned. Of equal names in
// an object the last counts.
template <typename Visit>
bool visit_values(std::string_view value, std::span<const JsonPath::Step> steps, Visit&& visit) {
  if (steps.empty()) return visit(value);
  const JsonPath::Step& step = steps.front();
  bool stopped = false;
  if (step.kind == JsonPath::StepKind::kKey) {
    std::string_view found;
    for_each_member(value, [&](std::string_view key, std::string_view member) {
      if (json_text_equals(key, step.key)) found = member;
      return true;
    });
    return !found.empty() && visit_values(found, steps.subspan(1), visit);
  }
  std::uint64_t position = 0;
  for_each_element(value, [&](std::string_view element) {
    const bool named = step.kind == JsonPath::StepKind::kEach || position == step.index;
    if (named) stopped = visit_values(element, steps.subspan(1), visit);
    ++position;
    return !stopped && (step.kind == JsonPath::StepKind::kEach || !named);
  });
  return stopped;
}

// The values that tests look at: the elements of an array, one level deep, or the value itself. visit returns true to stop; gives
// what the last visit returned.
template <typename Visit>
bool visit_elements(std::string_view value, Visit&& visit) {
  if (!value.starts_with('[')) return visit(value);
  bool found = false;
  for_each_element(value, [&](std::string_view element) {
    found = visit(element);
    return !found;
  });
  return found;
}

}  // namespace orthant
