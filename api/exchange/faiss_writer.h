#pragma once
// FAISS index files of an IndexIDMap2 over a flat, scalar-quantized (8 bit), HNSW or binary flat index. The HNSW is built by FAISS
// itself, in memory; the others are written as they come, in bounded memory, bytes equal to those of FAISS.

#include <filesystem>
#include <memory>

#include "api/exchange/vector_writer.h"

namespace orthant {

// Ids must be integers below 2^63.
Result<std::unique_ptr<VectorWriter>> create_faiss_writer(const std::filesystem::path& path, const VectorWriterOptions& options);

}  // namespace orthant
