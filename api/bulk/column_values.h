#pragma once
// Values of Arrow columns as ids, vectors and JSON. Rows must not be null. Free functions.

#include <string>
#include <string_view>

#include "api/bulk/arrow_format.h"
#include "api/bulk/column_choice.h"
#include "api/json/json_writer.h"
#include "base/point_id.h"
#include "base/result.h"

namespace orthant::bulk {

// invalid_argument: null, negative, or a text that is neither a number nor a UUID.
Result<PointId> id_of(const ArrowColumn& column, std::size_t row);
// Of a column whose shape is the target's. invalid_argument: a number is null, or they make no such vector.
Result<VectorInput> vector_value(const ArrowColumn& column, std::size_t row, VectorTarget target);
// invalid_argument: bytes that are no UTF-8.
Status write_value(JsonWriter& json, const ArrowColumn& column, std::size_t row);

}  // namespace orthant::bulk
