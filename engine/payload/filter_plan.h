#pragma once
// plan_filter(): the bounds of the rows that match a filter, from the field indexes and, where the caller has looked them up, from
// ids. Private to engine/payload.
//
// Must conditions are taken in the order of their estimated rows, fewest first. When few rows are left, a condition whose bitmap
// would cost more than asking these rows one by one is left out: bounds stay true, only the undecided rows grow.

#include <memory>
#include <vector>

#include "engine/payload/field_index.h"
#include "engine/payload/field_indexes.h"
#include "engine/payload/filter.h"
#include "engine/payload/row_bounds.h"

namespace orthant {

RowBounds plan_filter(const Filter& filter, const std::vector<std::shared_ptr<FieldIndex>>& indexes, std::size_t rows,
                      const IdOrdinals* ids);

}  // namespace orthant
