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

// Appends the elements [first, last) of a column of numbers.
Status append_floats(const ArrowColumn& values, std::size_t first, std::size_t last, std::vector<float>& floats) {
  const std::size_t before = floats.size();
  floats.resize(before + (last - first));
  float* const out = floats.data() + before;
  if (const auto bytes = values.float32_bytes(first, last)) {
    if (first < last) std::memcpy(out, bytes->data(), bytes->size());
    return {};
  }
  const ArrowKind kind = values.field().kind;
  for (std::size_t i = first; i < last; ++i) {
    if (values.is_null(i)) return invalid_argument("a number of the vector is null");
    if (kind == ArrowKind::kFloat) {
      out[i - first] = static_cast<float>(values.real(i));
    } else {
      const std::int64_t number = values.integer(i);
      out[i - first] =
          kind == ArrowKind::kUnsigned ? static_cast<float>(static_cast<std::uint64_t>(number)) : static_cast<float>(number);
    }
  }
  return {};
}

Status append_integers(const ArrowColumn& list, std::size_t row, std::vector<std::int64_t>& integers) {
  const auto [first, last] = list.elements(row);
  const ArrowColumn& values = list.children().front();
  for (std::size_t i = first; i < last; ++i) {
    if (values.is_null(i)) return invalid_argument("a number of the vector is null");
    integers.push_back(values.integer(i));
  }
  return {};
}

Status append_list(const ArrowColumn& list, std::size_t row, std::vector<float>& floats) {
  const auto [first, last] = list.elements(row);
  return append_floats(list.children().front(), first, last, floats);
}

Status append_sparse(const ArrowColumn& column, std::size_t row, RowNumbers& numbers) {
  for (const ArrowColumn& member : column.children()) {
    const bool indices = member.field().name == "indices";
    if (!indices && member.field().name != "values") continue;
    if (member.is_null(row)) return invalid_argument(fmt::format("`{}` is null", member.field().name));
    ORTHANT_TRY(indices ? append_integers(member, row, numbers.integers) : append_list(member, row, numbers.floats));
  }
  return {};
}

Status append_lists(const ArrowColumn& column, std::size_t row, RowNumbers& numbers) {
  const auto [first, last] = column.elements(row);
  const ArrowColumn& lists = column.children().front();
  for (std::size_t i = first; i < last; ++i) {
    if (lists.is_null(i)) return invalid_argument("a row of the multivector is null");
    const std::size_t before = numbers.floats.size();
    ORTHANT_TRY(append_list(lists, i, numbers.floats));
    numbers.lengths.push_back(static_cast<std::uint32_t>(numbers.floats.size() - before));
  }
  return {};
}

Result<RowNumbers> row_numbers(const ArrowColumn& column, std::size_t row, VectorTarget target) {
  RowNumbers numbers;
  if (target.kind == VectorKind::kSparse) {
    ORTHANT_TRY(append_sparse(column, row, numbers));
  } else if (target.kind == VectorKind::kMulti) {
    ORTHANT_TRY(append_lists(column, row, numbers));
  } else if (target.form != VectorForm::kFloat32) {
    ORTHANT_TRY(append_integers(column, row, numbers.integers));
  } else {
    ORTHANT_TRY(append_list(column, row, numbers.floats));
  }
  return numbers;
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

Result<VectorInput> vector_value(const ArrowColumn& column, std::size_t row, VectorTarget target) {
  auto numbers = row_numbers(column, row, target);
  if (!numbers) return bad_value(column, numbers.error().message);
  auto vector = vector_of(target, std::move(*numbers));
  if (!vector) return bad_value(column, vector.error().message);
  return vector;
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
