#pragma once
// MemoryFloatVectors: FloatVectors kept in memory, for tools, tests and benchmarks. One writer beside any number of readers; a
// read takes a lock that readers share.

#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "index/float_vectors.h"

namespace orthant {

class MemoryFloatVectors : public FloatVectors {
 public:
  explicit MemoryFloatVectors(std::size_t dim) : dim_(dim) {}

  // `rows`: n x dim, row-major; they get the next ordinals.
  void append(std::span<const float> rows);
  // The row is gone: read() of it fails, scan() passes over it.
  void erase(Ordinal ordinal);
  Ordinal row_count() const;

  std::size_t dim() const override { return dim_; }
  Status read(std::span<const Ordinal> ordinals, std::span<float> out) const override;
  Status scan(Ordinal first, Ordinal last,
              const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const override;

 private:
  const std::size_t dim_;
  mutable std::shared_mutex mutex_;
  std::vector<float> rows_;            // guarded by mutex_
  std::vector<std::uint8_t> present_;  // guarded by mutex_; one a row
};

}  // namespace orthant
