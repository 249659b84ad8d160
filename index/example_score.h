#pragma once
// ExampleScore: what a row is worth against several examples at once (recommend, discover, context), given its similarity to each.
// Called for blocks of rows, from several threads at once.

#include <functional>
#include <span>

namespace orthant {

// `similarities`: examples x rows, those of the first example first; rows = scores.size(). Higher is better, whatever the metric:
// dot products, or squared Euclidean or plain Manhattan distances negated. Writes one score a row, higher is better.
using ExampleScore = std::function<void(std::span<const float> similarities, std::span<float> scores)>;

}  // namespace orthant
