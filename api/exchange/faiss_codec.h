#pragma once
// Stored vectors of FAISS indexes to the floats that were put in, or what is nearest to them. Pure functions, any thread.

#include <span>
#include <vector>

#include "api/exchange/faiss_format.h"
#include "base/bytes.h"

namespace orthant {

// `codes`: n codes of index.code_bytes. n x stored_dim floats, before centroids and transforms.
std::vector<float> decode_faiss_codes(const FaissIndex& index, ByteSpan codes);

// `vectors`: n x dim_out. n x dim_in, the vectors before the transform.
std::vector<float> undo_transform(const FaissTransform& transform, std::vector<float> vectors);

}  // namespace orthant
