#pragma once
// FloatVectors: the stored floats of one vector of a collection, by ordinal. The index reads them for rescoring, for exact search
// and to rebuild itself; it never knows where they live. Implemented by engine/storage over the store, and by MemoryFloatVectors.
// Implementations allow any number of readers beside one writer.

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

class FloatVectors {
 public:
  virtual ~FloatVectors() = default;

  virtual std::size_t dim() const = 0;

  // Writes ordinals.size() rows of dim() floats to `out`, in the order of `ordinals`. One batched read. A row that the store
  // lacks is data_corruption.
  virtual Status read(std::span<const Ordinal> ordinals, std::span<float> out) const = 0;

  // Calls visit(ordinal, row) in ascending order for the rows of [first, last) that exist. `row` is valid during the call only.
  // A false from visit ends the scan.
  virtual Status scan(Ordinal first, Ordinal last,
                      const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const = 0;
};

}  // namespace orthant
