#pragma once
// Which of `total` slices a point id falls into: SipHash-2-4 with a zero key over a number's 8 bytes, lowest first, or a UUID's 16.
// Part of the wire's contract: clients that split the ids themselves count on the same slices.

#include <cstdint>

#include "base/point_id.h"

namespace orthant {

// `total` > 0.
std::uint64_t slice_of(const PointId& id, std::uint64_t total);

}  // namespace orthant
