#include "api/exchange/parquet_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "base/point_id.h"

namespace orthant {
std::string uuid_text(std::string_view bytes) {
  PointId::Uuid uuid{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), uuid.size()), uuid.begin());
  return PointId::uuid(uuid).to_string();
}

Status ColumnJson::write_value(JsonWriter& json) {
  const std::size_t at = value_++;
  switch (column_.meaning) {
    case ParquetMeaning::kBoolean: json.boolean(rows_.integers[at] != 0); break;
    case ParquetMeaning::kSigned: json.number(rows_.integers[at]); break;
    case ParquetMeaning::kUnsigned: {
      const auto value = static_cast<std::uint64_t>(rows_.integers[at]);
      json.number(column_.type == ParquetType::kInt32 ? value & 0xffffffff : value);
      break;
    }
    case ParquetMeaning::kFloat:
      if (column_.type == ParquetType::kDouble) {
        json.number(rows_.doubles[at]);
      } else {
        json.number(rows_.floats[at]);
      }
      break;
    case ParquetMeaning::kUuid: json.string(uuid_text(rows_.texts[at])); break;
    case ParquetMeaning::kDate: json.string(date_text(rows_.integers[at])); break;
    case ParquetMeaning::kTimestamp: json.string(timestamp_text(rows_.integers[at], column_.units_a_second, column_.in_utc)); break;
    case ParquetMeaning::kJson: {
      const auto value = JsonDocument::parse(rows_.texts[at]);
      if (!value) return invalid_argument(fmt::format("column `{}`: not JSON", column_.name));
      json.raw(value->root().raw());
      break;
    }
    default: json.string(rows_.texts[at]);
  }
  return {};
}

Status ColumnJson::write_next(JsonWriter& json) {
  const std::size_t row = row_++;
  const bool present = rows_.rows[row] == ColumnRows::State::kPresent;
  if (!present) {
    json.null();
    return {};
  }
  if (!column_.is_list) return write_value(json);
  json.begin_array();
  Status status;
  for (std::uint32_t i = 0; i < rows_.lengths[row]; ++i) {
    if (rows_.is_value[element_++] == 0) {
      json.null();
    } else if (Status written = write_value(json); !written) {
      status = std::move(written);
      json.null();
    }
  }
  json.end_array();
  return status;
}

}  // namespace orthant
