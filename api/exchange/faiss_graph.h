#pragma once
// The one place where FAISS itself is used: it builds the graph of an exported HNSW index.

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

// Writes an IndexIDMap2 over an IndexHNSWFlat of 32 links. `floats`: n x dim. All of it stands in memory. Uses the threads that
// OpenMP gives (OMP_NUM_THREADS).
Status write_faiss_graph(const std::filesystem::path& path, std::size_t dim, Metric metric, std::span<const float> floats,
                         std::span<const std::int64_t> ids);

}  // namespace orthant
