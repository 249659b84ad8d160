#pragma once
// Parquet with a column `id` (unsigned integers, or texts where some ids are UUIDs), a column `vector` (lists of floats or 8-bit
// integers) and the payload: one column of JSON, or a column a field. Row groups of some megabytes, a page a column, PLAIN values,
// zstd but for the vectors, which do not pack.

#include <filesystem>
#include <memory>

#include "api/exchange/vector_writer.h"

namespace orthant {

// Fails when a value of a later append() is not of its field's kind.
Result<std::unique_ptr<VectorWriter>> create_parquet_writer(const std::filesystem::path& path, const VectorWriterOptions& options);

}  // namespace orthant
