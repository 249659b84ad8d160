#pragma once
// An index over rows that MemoryFloatVectors holds.

#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "index/memory_float_vectors.h"
#include "index/vector_index.h"

namespace orthant::test {

struct FilledIndex {
  std::unique_ptr<MemoryFloatVectors> stored;
  std::unique_ptr<VectorIndex> index;

  void add(std::span<const float> rows) {
    const std::size_t dim = index->config().dim;
    std::vector<float> prepared;
    for (std::size_t row = 0; row < rows.size() / dim; ++row) {
      const auto vector = index->prepare_vector(rows.subspan(row * dim, dim)).value();
      prepared.insert(prepared.end(), vector.begin(), vector.end());
    }
    stored->append(prepared);
    EXPECT_TRUE(index->append(*index->encode_rows(prepared).value()));
  }
};

inline FilledIndex fill_index(const IndexConfig& config, std::span<const float> rows) {
  FilledIndex filled = {std::make_unique<MemoryFloatVectors>(config.dim), nullptr};
  filled.index = VectorIndex::create(config, filled.stored.get()).value();
  filled.add(rows);
  return filled;
}

}  // namespace orthant::test
