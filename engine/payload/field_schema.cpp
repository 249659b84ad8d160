#include "engine/payload/field_schema.h"

#include <algorithm>

namespace orthant {

std::shared_ptr<const TextAnalyzer> TextFields::analyzer(std::span<const JsonPath::Step> path) const {
  static const auto standard = std::make_shared<const TextAnalyzer>();
  const auto found =
      std::ranges::find_if(fields_, [path](const auto& field) { return std::ranges::equal(field.first.steps(), path); });
  return found == fields_.end() ? standard : found->second;
}

}  // namespace orthant
