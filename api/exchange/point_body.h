#pragma once
// Rows of vector files as bodies of the daemon's bulk ingestion. Free functions, any thread.

#include <cstdint>
#include <string>

#include "api/exchange/vector_file.h"

namespace orthant {

// The header of a body of ready vectors (api/bulk/vector_reader.h).
void append_body_header(std::string& body, VectorForm form, std::size_t dim);
// A point behind it. `row` of `rows`, which must hold vectors.
void append_body_point(std::string& body, const VectorFileInfo& info, const VectorRows& rows, std::size_t row, const PointId& id);

// `payload` with a member "text".
std::string payload_with_text(std::string_view payload, std::string_view text);

}  // namespace orthant
