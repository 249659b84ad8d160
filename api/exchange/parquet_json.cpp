#include "api/exchange/parquet_json.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "base/point_id.h"

namespace orthant {
namespace {

constexpr std::int64_t kFirstDay = -719528;  // 0000-01-01
constexpr std::int64_t kLastDay = 2932896;   // 9999-12-31
constexpr std::int64_t kSecondsADay = 86'400;

// Rounded down, also below 0.
std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

std::string date_text(std::int64_t days) {
  if (days < kFirstDay || days > kLastDay) return fmt::format("{}", days);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string timestamp_text(std::int64_t units, std::uint32_t units_a_second, bool in_utc) {
  const std::int64_t seconds = floor_divide(units, units_a_second);
  const std::int64_t days = floor_divide(seconds, kSecondsADay);
  if (days < kFirstDay || days > kLastDay) return fmt::format("{}", units);
  const std::int64_t fraction = units - seconds * units_a_second;
  const std::int64_t second = seconds - days * kSecondsADay;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", date_text(days), second / 3600, second / 60 % 60, second % 60);
  if (fraction != 0) {
    const int digits = units_a_second == 1'000 ? 3 : units_a_second == 1'000'000 ? 6 : 9;
    text += fmt::format(".{:0{}}", fraction, digits);
  }
  if (in_utc) text += 'Z';
  return text;
}

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
