#pragma once
// Values of Parquet columns as JSON. Walks along the rows of one ColumnRows; one thread at a time.

#include <cstddef>
#include <string>

#include "api/exchange/parquet_column.h"
#include "api/json/json_writer.h"
#include "base/date_text.h"
#include "base/result.h"

namespace orthant {

class ColumnJson {
 public:
  // Both must outlive this.
  ColumnJson(const ParquetColumn& column, const ColumnRows& rows) : column_(column), rows_(rows) {}

  // The value of the next row, a list of values, or null. invalid_argument for a text of JSON that is none.
  Status write_next(JsonWriter& json);

 private:
  Status write_value(JsonWriter& json);

  const ParquetColumn& column_;
  const ColumnRows& rows_;
  std::size_t row_ = 0;
  std::size_t element_ = 0;
  std::size_t value_ = 0;
};

// 16 bytes, hyphenated.
std::string uuid_text(std::string_view bytes);

}  // namespace orthant
