#pragma once
// Parquet files as files of vectors: one column is the vector (a list of floats, doubles, float16 or integers), one may be the id,
// one the text, the others become the payload.

#include <filesystem>
#include <memory>

#include "api/exchange/vector_file.h"

namespace orthant {

// invalid_argument names columns that are not there or not of a kind that can be used.
Result<std::unique_ptr<VectorFile>> open_parquet_file(const std::filesystem::path& path, const VectorFileOptions& options);

}  // namespace orthant
