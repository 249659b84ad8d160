#include "engine/payload/field_values.h"

#include <algorithm>
#include <optional>

#include "engine/payload/datetime.h"
#include "engine/payload/field_tests.h"
#include "engine/payload/geo_cells.h"
#include "engine/payload/sorted_column.h"
#include "engine/payload/value_walk.h"

namespace orthant {
namespace {

template <typename T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
}

// How often each text occurs, in the order that sort_unique() will give them.
std::vector<std::uint32_t> counts_of(std::vector<std::string>& texts) {
  std::ranges::sort(texts);
  std::vector<std::uint32_t> counts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0 && texts[i] == texts[i - 1]) {
      ++counts.back();
    } else {
      counts.push_back(1);
    }
  }
  return counts;
}

}  // namespace

void FieldReader::take(std::string_view element, FieldValues& values) const {
  switch (type_) {
    case FieldType::kKeyword:
    case FieldType::kUuid:
      if (!is_string(element)) {
        values.has_other = true;
        return;
      }
      values.texts.emplace_back(plain_string(element));
      return;
    case FieldType::kBool:
      if (element != "true" && element != "false") {
        values.has_other = true;
        return;
      }
      values.texts.emplace_back(element);
      return;
    case FieldType::kText:
      if (!is_string(element)) return;
      analyzer_.visit_tokens(plain_string(element), [&values](const std::string& token) {
        values.texts.push_back(token);
        return true;
      });
      return;
    case FieldType::kInteger: {
      const std::optional<std::int64_t> integer = is_number(element) ? json_to_int(element) : std::nullopt;
      if (!integer) {
        values.has_other = true;
        return;
      }
      values.keys.push_back(SortedColumn::key_of(*integer));
      return;
    }
    case FieldType::kFloat:
      if (is_number(element)) values.keys.push_back(SortedColumn::key_of(number_value(element)));
      return;
    case FieldType::kDatetime: {
      if (!is_string(element)) return;
      if (const auto time = parse_datetime_us(plain_string(element))) values.keys.push_back(SortedColumn::key_of(*time));
      return;
    }
    case FieldType::kGeo: {
      const std::optional<GeoPoint> point = read_geo_point(element);
      if (!point) return;
      if (const auto cell = geo_cell(*point)) {
        values.keys.push_back(*cell);
      } else {
        values.has_other = true;
      }
      return;
    }
  }
}

FieldValues FieldReader::read(std::string_view payload) const {
  FieldValues values;
  visit_values(payload, path_.steps(), [&](std::string_view value) {
    values.has_value = values.has_value || !is_empty_value(value);
    values.has_null = values.has_null || is_null_value(value);
    visit_elements(value, [&](std::string_view element) {
      if (element == "null") return false;
      if (values.elements < 2) ++values.elements;
      take(element, values);
      return false;
    });
    return false;
  });
  if (counts_) values.counts = counts_of(values.texts);
  sort_unique(values.texts);
  sort_unique(values.keys);
  return values;
}

}  // namespace orthant
