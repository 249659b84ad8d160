#include "api/bulk/column_values.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/date_text.h"

namespace orthant::bulk {
namespace {

std::unexpected<Error> bad_value(const ArrowColumn& column, std::string_view what) {
  return invalid_argument(fmt::format("column `{}`: {}", column.field().name, what));
}

Status write_list(JsonWriter& json, const ArrowColumn& list, std::size_t row) {
  const auto [first, last] = list.elements(row);
  json.begin_array();
  for (std::size_t i = first; i < last; ++i) {
    if (list.children().front().is_null(i)) {
      json.null();
    } else {
      ORTHANT_TRY(write_value(json, list.children().front(), i));
    }
  }
  json.end_array();
  return {};
}

Status write_struct(JsonWriter& json, const ArrowColumn& column, std::size_t row) {
  json.begin_object();
  for (const ArrowColumn& child : column.children()) {
    if (child.is_null(row)) continue;
    json.key(child.field().name);
    ORTHANT_TRY(write_value(json, child, row));
  }
  json.end_object();
  return {};
}

// What is not finite has no JSON.
void write_real(JsonWriter& json, const ArrowColumn& column, std::size_t row) {
  const double value = column.real(row);
  if (!std::isfinite(value)) {
    json.null();
  } else if (column.field().bits < 64) {
    json.number(static_cast<float>(value));
  } else {
    json.number(value);
  }
}

}  // namespace

Result<PointId> id_of(const ArrowColumn& column, std::size_t row) {
  if (column.is_null(row)) return bad_value(column, "the id is null");
  if (column.field().kind == ArrowKind::kText) {
    const std::string_view text = column.text(row);
    if (const auto id = PointId::parse(text)) return *id;
    return bad_value(column, fmt::format("'{}' is neither a number nor a UUID", text));
  }
  const std::int64_t number = column.integer(row);
  if (number < 0 && column.field().kind == ArrowKind::kSigned) return bad_value(column, fmt::format("{} is no id", number));
  return PointId::number(static_cast<std::uint64_t>(number));
}

Result<std::vector<float>> floats_of(const ArrowColumn& column, std::size_t row) {
  const auto [first, last] = column.elements(row);
  const ArrowColumn& values = column.children().front();
  std::vector<float> floats(last - first);
  if (const auto bytes = values.float32_bytes(first, last)) {
    if (!floats.empty()) std::memcpy(floats.data(), bytes->data(), bytes->size());
    return floats;
  }
  const ArrowKind kind = values.field().kind;
  for (std::size_t i = first; i < last; ++i) {
    if (values.is_null(i)) return bad_value(column, "a number of the vector is null");
    if (kind == ArrowKind::kFloat) {
      floats[i - first] = static_cast<float>(values.real(i));
    } else {
      const std::int64_t number = values.integer(i);
      floats[i - first] =
          kind == ArrowKind::kUnsigned ? static_cast<float>(static_cast<std::uint64_t>(number)) : static_cast<float>(number);
    }
  }
  return floats;
}

Status write_value(JsonWriter& json, const ArrowColumn& given, std::size_t row) {
  const ArrowColumn& column = given.children_owner(row);
  switch (column.field().kind) {
    case ArrowKind::kSigned: json.number(column.integer(row)); return {};
    case ArrowKind::kUnsigned: json.number(static_cast<std::uint64_t>(column.integer(row))); return {};
    case ArrowKind::kFloat: write_real(json, column, row); return {};
    case ArrowKind::kBool: json.boolean(column.boolean(row)); return {};
    case ArrowKind::kText:
    case ArrowKind::kBytes:
      if (!simdjson::validate_utf8(column.text(row))) return bad_value(given, "the text is no UTF-8");
      json.string(column.text(row));
      return {};
    case ArrowKind::kList: return write_list(json, column, row);
    case ArrowKind::kStruct: return write_struct(json, column, row);
    case ArrowKind::kDate: {
      const std::int64_t value = column.integer(row);
      constexpr std::int64_t kDay = 86'400'000;
      json.string(date_text(column.field().bits == 32 ? value : value / kDay - (value % kDay < 0 ? 1 : 0)));
      return {};
    }
    case ArrowKind::kTimestamp:
      json.string(timestamp_text(column.integer(row), column.field().units_a_second, column.field().in_utc));
      return {};
    case ArrowKind::kNull:
    case ArrowKind::kOther: json.null(); return {};
  }
  return {};
}

}  // namespace orthant::bulk
