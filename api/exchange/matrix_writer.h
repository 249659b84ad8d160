#pragma once
// .npy, .fvecs and .bvecs with a file of ids beside them.

#include <filesystem>
#include <memory>

#include "api/exchange/vector_writer.h"

namespace orthant {

// .npy holds float32, int8 or uint8 (ubinary codes), by the form; .fvecs floats; .bvecs ubinary codes. Ids: .npy (uint64, or texts
// where some are UUIDs) or .ivecs (integers below 2^31).
Result<std::unique_ptr<VectorWriter>> create_matrix_writer(const std::filesystem::path& path, const VectorWriterOptions& options);

}  // namespace orthant
