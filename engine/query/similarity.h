#pragma once
// Similarities of two vectors of one kind, computed directly: for the few pairs that diversity and distance matrices need. As in
// index/example_score.h: higher is nearer, Metric::kEuclid squared and negated. Pure functions.

#include <span>

#include "engine/vector_value.h"
#include "index/index_config.h"

namespace orthant {

// Of multivectors the sum of each query row's greatest similarity to a row of `vector`; of sparse vectors the dot product. A dense
// query stands for a multivector of one row. Vectors of different kinds or dimensions have none: 0.
float similarity(Metric metric, const VectorValue& query, const VectorValue& vector);

// As users of the metric see it: distances of Metric::kEuclid and kManhattan.
float score_of_similarity(Metric metric, float similarity);

// Divides by the Euclidean norm, row by row; zero stays zero. Not for sparse vectors.
void normalize_value(VectorValue& value);

// avg(positives) + avg(positives) - avg(negatives), of dense and of sparse vectors; the average of the positives alone where there
// are no negatives. Of multivectors all rows of the positives, and the negated ones of the negatives. All of one kind; at least one
// positive.
VectorValue average_example(std::span<const VectorValue> positives, std::span<const VectorValue> negatives);

}  // namespace orthant
