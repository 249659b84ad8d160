#pragma once
// One output's weights in int8: a symmetric scale and codes that keep the pair sums of int8_range.h, so that every kernel sums them
// exactly. Results depend on the values alone, not on the machine.

#include <cstdint>
#include <span>

namespace orthant {

// The scale of least squared error among multiples of max |value| / 127, the pair sums kept. Above 1 times it, large codes shrink
// until their sums fit; below, the largest weights are clipped and the others lie on a finer grid.
float fit_int8_scale(std::span<const float> row);

// codes[i] = row[i] / scale, to the nearest, within -127 to 127; where a set of inputs exceeds its sum, the codes of that sign are
// lowered evenly. `codes` has the size of `row`.
void round_to_int8(std::span<const float> row, float scale, std::span<std::int8_t> codes);

}  // namespace orthant
