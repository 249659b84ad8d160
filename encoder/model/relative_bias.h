#pragma once
// The bias that relative positions add to attention scores, spread from buckets to distances. Source: T5 (Raffel et al. 2020),
// whose bidirectional buckets MPNet takes: half of them for keys behind the query, half for those before it; in each half the first
// half is one bucket a distance, the rest grows logarithmically to distance 128.

#include <cstddef>
#include <span>
#include <vector>

namespace orthant {

// `weights` is buckets x heads. Gives heads rows of relative_bias_row(max_positions) floats.
std::vector<float> spread_relative_bias(std::span<const float> weights, std::size_t buckets, std::size_t heads,
                                        std::size_t max_positions);

std::size_t relative_bias_row(std::size_t max_positions);
// Where distance 0 is in a row; distances from -(max_positions - 1) to max_positions - 1 stand around it, with room for a kernel
// that reads whole vectors.
std::size_t relative_bias_center(std::size_t max_positions);

}  // namespace orthant
