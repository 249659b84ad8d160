#pragma once
// FAISS index files as files of vectors: rows in the order of the file (of inverted lists: list by list), ids where the index has
// them, scalar-quantized codes as the floats that FAISS makes of them, transforms undone.

#include <filesystem>
#include <memory>

#include "api/exchange/vector_file.h"

namespace orthant {

Result<std::unique_ptr<VectorFile>> open_faiss_file(const std::filesystem::path& path);

}  // namespace orthant
