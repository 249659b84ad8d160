#pragma once
// What a field condition asks of one value of a payload, made ready for many values. Private to engine/payload. The tests are
// immutable; their scratch space belongs to the calling thread.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "engine/payload/filter.h"
#include "engine/payload/text_analyzer.h"

namespace orthant {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// A set of strings, integers and booleans; never of floats, which match nothing.
class ScalarSet {
 public:
  explicit ScalarSet(const std::vector<MatchScalar>& values);
  // `value` is JSON text.
  bool contains(std::string_view value) const;

 private:
  bool contains_string(std::string_view value) const;

  // One or two strings are compared directly, more are hashed.
  std::vector<std::string> few_strings_;
  std::unordered_set<std::string, StringHash, std::equal_to<>> many_strings_;
  std::unordered_set<std::int64_t> integers_;
  bool has_true_ = false;
  bool has_false_ = false;
};

struct InSetTest {
  ScalarSet set;
  bool operator()(std::string_view value) const { return set.contains(value); }
};
struct NotInSetTest {
  ScalarSet set;
  bool operator()(std::string_view value) const { return value != "null" && !set.contains(value); }
};
class TextTest {
 public:
  TextTest(const MatchText& match, std::shared_ptr<const TextAnalyzer> analyzer);
  bool operator()(std::string_view value) const;

 private:
  bool has_any(std::string_view text) const;
  bool has_all(std::string_view text) const;
  bool has_phrase(std::string_view text) const;

  enum class Mode { kAll, kAny, kPhrase } mode_;
  std::shared_ptr<const TextAnalyzer> analyzer_;
  std::vector<std::string> tokens_;  // without repetitions unless a phrase
};
struct PrefixTest {
  std::string prefix;
  bool operator()(std::string_view value) const;
};
struct SubstringTest {
  std::string substring;
  bool operator()(std::string_view value) const;
};
struct NumberRangeTest {
  NumberRange range;
  bool operator()(std::string_view value) const;
};
struct DatetimeRangeTest {
  DatetimeRange range;
  bool operator()(std::string_view value) const;
};
template <typename Area>
struct GeoTest {
  Area area;
  bool operator()(std::string_view value) const;
};
using ElementTest = std::variant<InSetTest, NotInSetTest, TextTest, PrefixTest, SubstringTest, NumberRangeTest, DatetimeRangeTest,
                                 GeoTest<GeoRadius>, GeoTest<GeoBoundingBox>, GeoTest<GeoPolygon>>;

// ---- JSON values as tests and indexes read them ----
bool is_string(std::string_view value);
bool is_number(std::string_view value);
// What a string's text (with quotes) stands for; valid until the thread's next call.
std::string_view plain_string(std::string_view value);
// Of a number's text.
double number_value(std::string_view number);
std::optional<GeoPoint> read_geo_point(std::string_view value);

// Tests that look at the value that a path names as a whole, arrays included.
bool is_empty_value(std::string_view value);
bool is_null_value(std::string_view value);
std::uint64_t count_of_values(std::string_view value);
bool in_range(const ValuesCount& range, std::uint64_t count);

}  // namespace orthant
