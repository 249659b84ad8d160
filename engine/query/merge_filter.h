#pragma once
// A filter of a stage and that of one below it as one filter, clause by clause as Qdrant joins them: the alternatives of both
// `should` are alternatives of one another. Pure function.

#include <optional>

#include "engine/payload/filter.h"

namespace orthant {

std::optional<Filter> merge_filters(const std::optional<Filter>& outer, const std::optional<Filter>& inner);

}  // namespace orthant
