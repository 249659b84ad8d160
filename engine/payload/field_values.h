#pragma once
// FieldValues: what one payload holds in one indexed field, in the form that the field's index takes. Private to engine/payload.
// Made by FieldReader, which is immutable and serves any number of threads.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"

namespace orthant {

struct FieldValues {
  bool has_value = false;  // something other than null and []
  bool has_null = false;   // null, or an array that holds null
  // Elements that conditions might match though the index does not hold them: of another type, or beyond its range.
  bool has_other = false;
  std::uint8_t elements = 0;  // other than null; 2 stands for more
  // Ascending, without repetitions: strings, "true" and "false", or tokens.
  std::vector<std::string> texts;
  // Of a text index that scores: how often texts[i] occurs. Empty for all others.
  std::vector<std::uint32_t> counts;
  // Ascending, without repetitions: SortedColumn's keys of numbers and times, cells (geo_cells.h) of places.
  std::vector<std::uint64_t> keys;
  bool operator==(const FieldValues&) const = default;
};

class FieldReader {
 public:
  FieldReader(JsonPath path, const FieldSchema& schema)
      : path_(std::move(path)),
        type_(schema.type),
        counts_(schema.type == FieldType::kText && schema.text.scoring),
        analyzer_(schema.text) {}

  const JsonPath& path() const { return path_; }
  FieldType type() const { return type_; }
  const TextAnalyzer& analyzer() const { return analyzer_; }

  // `payload` as in FilterEvaluator::matches.
  FieldValues read(std::string_view payload) const;

 private:
  void take(std::string_view element, FieldValues& values) const;

  JsonPath path_;
  FieldType type_;
  bool counts_;
  TextAnalyzer analyzer_;
};

}  // namespace orthant
