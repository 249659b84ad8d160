#pragma once
// Vectors as values and as the bytes that the store keeps (docs/storage_format.md). Free functions, any thread.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_config.h"
#include "engine/vector_value.h"

namespace orthant {

// Of one dense vector, or of one row of a multivector.
std::size_t stored_row_bytes(const VectorConfig& config);

// Appends the numbers as the datatype keeps them. invalid_argument for what it cannot hold.
Status append_numbers(VectorDatatype datatype, std::span<const float> numbers, std::string& out);
// Counterpart: as many numbers as `out` has places.
void read_numbers(VectorDatatype datatype, std::string_view bytes, std::span<float> out);

// The bytes of a sparse vector or of a multivector, both checked. invalid_argument for what the datatype cannot hold.
std::string stored_bytes(const SparseVector& vector);
Result<std::string> stored_bytes(VectorDatatype datatype, const MultiVector& vector);

// data_corruption when the bytes are no such vector.
Result<SparseVector> sparse_of(std::string_view bytes);
Result<MultiVector> multi_of(const VectorConfig& config, std::string_view bytes);
// Of any kind; ready codes that users brought as the numbers that they stand for.
Result<VectorValue> value_of(const VectorConfig& config, std::string_view bytes);

// What the index compares: floats of a dense row as stored, but for a cosine of whole numbers brought to length 1.
void read_indexed_row(const VectorConfig& config, std::string_view bytes, std::span<float> out);

}  // namespace orthant
