#include "index/stored_rows.h"

#include <algorithm>

namespace orthant {

Result<StoredRows> read_stored_rows(const FloatVectors& stored, Ordinal first, Ordinal last) {
  StoredRows rows;
  rows.vectors.resize((last - first) * stored.dim());
  rows.present.resize(last - first);
  ORTHANT_TRY(stored.scan(first, last, [&](Ordinal ordinal, std::span<const float> row) {
    std::ranges::copy(row, rows.vectors.begin() + static_cast<std::ptrdiff_t>((ordinal - first) * stored.dim()));
    rows.present[ordinal - first] = 1;
    return true;
  }));
  return rows;
}

}  // namespace orthant
