#pragma once
// Rows of vector files as bodies of the daemon's bulk ingestion, and answers of its scrolling as rows. Free functions, any thread.

#include <cstddef>
#include <string>
#include <string_view>

#include "api/exchange/vector_file.h"

namespace orthant {

// A point behind the header (api/qdrant/point_bytes.h). `row` of `rows`, which must hold vectors.
void append_body_point(std::string& body, const VectorFileInfo& info, const VectorRows& rows, std::size_t row, const PointId& id);

// The points of such a body with floats of `dim`. data_corruption where it is none.
Result<VectorRows> parse_points(std::string_view body, std::size_t dim);

}  // namespace orthant
