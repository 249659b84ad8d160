#include "engine/query/merge_filter.h"

#include <algorithm>

namespace orthant {
namespace {

void append(std::vector<Condition>& conditions, const std::vector<Condition>& more) {
  conditions.insert(conditions.end(), more.begin(), more.end());
}

}  // namespace

std::optional<Filter> merge_filters(const std::optional<Filter>& outer, const std::optional<Filter>& inner) {
  if (!outer) return inner;
  if (!inner) return outer;
  Filter merged = *outer;
  append(merged.must, inner->must);
  append(merged.should, inner->should);
  append(merged.must_not, inner->must_not);
  if (!merged.min_should) {
    merged.min_should = inner->min_should;
  } else if (inner->min_should) {
    append(merged.min_should->conditions, inner->min_should->conditions);
    merged.min_should->min_count = std::max(merged.min_should->min_count, inner->min_should->min_count);
  }
  return merged;
}

}  // namespace orthant
