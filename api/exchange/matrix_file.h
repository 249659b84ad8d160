#pragma once
// Files that hold a matrix and nothing else: NumPy's .npy, and the .fvecs and .bvecs of the TEXMEX benchmarks (each row: its length
// as i32, then so many f32 or u8).

#include <filesystem>
#include <memory>

#include "api/exchange/vector_file.h"

namespace orthant {

// float16, float32, float64, int8 or uint8, two dimensions, C order.
Result<std::unique_ptr<VectorFile>> open_npy_file(const std::filesystem::path& path, const VectorFileOptions& options);
Result<std::unique_ptr<VectorFile>> open_vecs_file(const std::filesystem::path& path, const VectorFileOptions& options);

}  // namespace orthant
