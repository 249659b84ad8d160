#pragma once
// A run of rows of the store, as rebuilding and encoding take them.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "index/float_vectors.h"

namespace orthant {

struct StoredRows {
  std::vector<float> vectors;         // row_count x dim; zeros where a row is absent
  std::vector<std::uint8_t> present;  // a row each: 0 where the store lacks it
};

// Rows [first, last). Any thread.
Result<StoredRows> read_stored_rows(const FloatVectors& stored, Ordinal first, Ordinal last);

}  // namespace orthant
