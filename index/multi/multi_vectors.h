#pragma once
// MultiVectors: where the floats of multivectors are read when codes are not enough.

#include <functional>
#include <span>

#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

class MultiVectors {
 public:
  virtual ~MultiVectors() = default;
  // Calls visit(i, vectors) for each of `ordinals`, in any order: the vectors as they were appended, one after another (n x dim).
  // io_error or data_corruption when one cannot be read. Any number of threads.
  virtual Status read(std::span<const Ordinal> ordinals,
                      const std::function<void(std::size_t i, std::span<const float> vectors)>& visit) const = 0;
};

}  // namespace orthant
