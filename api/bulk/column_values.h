#pragma once
// Values of Arrow columns as ids, vectors and JSON. Rows must not be null. Free functions.

#include <string>
#include <string_view>
#include <vector>

#include "api/bulk/arrow_format.h"
#include "api/json/json_writer.h"
#include "base/point_id.h"
#include "base/result.h"

namespace orthant::bulk {

// invalid_argument: null, negative, or a text that is neither a number nor a UUID.
Result<PointId> id_of(const ArrowColumn& column, std::size_t row);
// Of a list of numbers. invalid_argument: an element is null.
Result<std::vector<float>> floats_of(const ArrowColumn& column, std::size_t row);
// invalid_argument: bytes that are no UTF-8.
Status write_value(JsonWriter& json, const ArrowColumn& column, std::size_t row);

}  // namespace orthant::bulk
