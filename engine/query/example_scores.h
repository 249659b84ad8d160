#pragma once
// The scores of queries by example, as Qdrant defines them. Each takes the similarities to its examples in the order that its
// maker states. With sigmoid(x) = x / (1 + |x|) and s(x) = (sigmoid(x) + 1) / 2:
//
//   best score   the nearest positive example p against the nearest negative n: s(p) where p > n, else -s(n)
//   sum          sum of positives - sum of negatives
//   discover     sum over pairs of sign(positive - negative), plus s(target): the pairs divide space, the target orders within
//   context      sum over pairs of sigmoid(min(positive - negative - epsilon, 0)): 0 wherever all pairs agree
//   feedback     a * target + sum over pairs (i, j) of examples with score_i > score_j of
//                (score_i - score_j)^b * c * (similarity_i - similarity_j)

#include <cstddef>
#include <span>
#include <vector>

#include "index/example_score.h"

namespace orthant {

// Examples: positives, then negatives. At least one in all.
ExampleScore best_score(std::size_t positives, std::size_t negatives);
ExampleScore sum_of_scores(std::size_t positives, std::size_t negatives);
// Examples: the target, then positive and negative of each pair.
ExampleScore discover_score(std::size_t pairs);
// Examples: positive and negative of each pair.
ExampleScore context_score(std::size_t pairs);

struct FeedbackWeights {
  float a = 1;
  float b = 1;
  float c = 1;
};
// Examples: the target, then one for each of `scores`.
ExampleScore feedback_score(const FeedbackWeights& weights, std::span<const float> scores);

}  // namespace orthant
