#include "engine/payload/field_tests.h"

#include <algorithm>
#include <optional>

#include "base/json_text.h"
#include "engine/payload/datetime.h"
#include "engine/payload/geo.h"

namespace orthant {
namespace {

constexpr std::size_t kFewStrings = 2;

template <typename Range, typename Value>
bool inside(const Range& range, Value value) {
  return (!range.gt || value > *range.gt) && (!range.gte || value >= *range.gte) && (!range.lt || value < *range.lt) &&
         (!range.lte || value <= *range.lte);
}

}  // namespace

bool is_string(std::string_view value) {
  return value.size() >= 2 && value.front() == '"';
}
bool is_number(std::string_view value) {
  return !value.empty() && (value.front() == '-' || (value.front() >= '0' && value.front() <= '9'));
}

// What a string's text (with quotes) stands for; valid until the thread's next call.
std::string_view plain_string(std::string_view value) {
  const std::string_view text = value.substr(1, value.size() - 2);
  if (std::memchr(text.data(), '\\', text.size()) == nullptr) return text;
  static thread_local std::string scratch;
  scratch.clear();
  unescape_json(text, scratch);
  return scratch;
}

// Whole numbers of up to 15 digits are exact doubles, and are most of what ranges meet.
double number_value(std::string_view number) {
  constexpr std::size_t kExactDigits = 15;
  const std::size_t sign = number.front() == '-' ? 1 : 0;
  if (number.size() - sign > kExactDigits) return json_to_double(number);
  std::int64_t value = 0;
  for (std::size_t i = sign; i < number.size(); ++i) {
    if (number[i] < '0' || number[i] > '9') return json_to_double(number);
    value = value * 10 + (number[i] - '0');
  }
  return static_cast<double>(sign == 0 ? value : -value);
}

std::optional<GeoPoint> read_geo_point(std::string_view value) {
  std::optional<double> lat, lon;
  for_each_member(value, [&](std::string_view key, std::string_view coordinate) {
    if (json_text_equals(key, "lat")) lat = is_number(coordinate) ? std::optional(json_to_double(coordinate)) : std::nullopt;
    if (json_text_equals(key, "lon")) lon = is_number(coordinate) ? std::optional(json_to_double(coordinate)) : std::nullopt;
    return true;
  });
  if (!lat || !lon) return std::nullopt;
  return GeoPoint{*lat, *lon};
}

ScalarSet::ScalarSet(const std::vector<MatchScalar>& values) {
  for (const MatchScalar& value : values) {
    if (const auto* text = std::get_if<std::string>(&value)) many_strings_.insert(*text);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) integers_.insert(*integer);
    if (const auto* boolean = std::get_if<bool>(&value)) (*boolean ? has_true_ : has_false_) = true;
  }
  if (many_strings_.size() <= kFewStrings) {
    few_strings_.assign(many_strings_.begin(), many_strings_.end());
    many_strings_.clear();
  }
}

bool ScalarSet::contains_string(std::string_view value) const {
  if (few_strings_.empty() && many_strings_.empty()) return false;
  const std::string_view plain = plain_string(value);
  if (many_strings_.empty()) return std::ranges::find(few_strings_, plain) != few_strings_.end();
  return many_strings_.contains(plain);
}

bool ScalarSet::contains(std::string_view value) const {
  if (is_string(value)) return contains_string(value);
  if (is_number(value)) {
    if (integers_.empty()) return false;
    const std::optional<std::int64_t> integer = json_to_int(value);
    return integer && integers_.contains(*integer);
  }
  return (has_true_ && value == "true") || (has_false_ && value == "false");
}

TextTest::TextTest(const MatchText& match, std::shared_ptr<const TextAnalyzer> analyzer)
    : mode_(match.phrase ? Mode::kPhrase : (match.any_token ? Mode::kAny : Mode::kAll)),
      analyzer_(std::move(analyzer)),
      tokens_(match.phrase ? analyzer_->words(match.query) : analyzer_->query_tokens(match.query)) {
  if (mode_ == Mode::kPhrase) return;
  std::ranges::sort(tokens_);
  tokens_.erase(std::ranges::unique(tokens_).begin(), tokens_.end());
}

bool TextTest::operator()(std::string_view value) const {
  if (tokens_.empty() || !is_string(value)) return false;
  const std::string_view text = plain_string(value);
  switch (mode_) {
    case Mode::kAny: return has_any(text);
    case Mode::kPhrase: return has_phrase(text);
    case Mode::kAll: return has_all(text);
  }
  return false;
}

bool TextTest::has_any(std::string_view text) const {
  bool found = false;
  analyzer_->visit_tokens(text, [&](const std::string& token) {
    found = std::ranges::binary_search(tokens_, token);
    return !found;
  });
  return found;
}

bool TextTest::has_all(std::string_view text) const {
  std::vector<bool> seen(tokens_.size());
  std::size_t missing = tokens_.size();
  analyzer_->visit_tokens(text, [&](const std::string& token) {
    const auto found = std::ranges::lower_bound(tokens_, token);
    if (found == tokens_.end() || *found != token) return true;
    const auto position = static_cast<std::size_t>(found - tokens_.begin());
    if (seen[position]) return true;
    seen[position] = true;
    return --missing > 0;
  });
  return missing == 0;
}

bool TextTest::has_phrase(std::string_view text) const {
  const std::vector<std::string> words = analyzer_->words(text);
  return !std::ranges::search(words, tokens_).empty();
}

bool PrefixTest::operator()(std::string_view value) const {
  return is_string(value) && plain_string(value).starts_with(prefix);
}

bool SubstringTest::operator()(std::string_view value) const {
  return is_string(value) && plain_string(value).find(substring) != std::string_view::npos;
}

bool NumberRangeTest::operator()(std::string_view value) const {
  return is_number(value) && inside(range, number_value(value));
}

bool DatetimeRangeTest::operator()(std::string_view value) const {
  if (!is_string(value)) return false;
  const std::optional<std::int64_t> time = parse_datetime_us(plain_string(value));
  return time && inside(range, *time);
}

template <typename Area>
bool GeoTest<Area>::operator()(std::string_view value) const {
  const std::optional<GeoPoint> point = read_geo_point(value);
  return point && geo_inside(*point, area);
}
template struct GeoTest<GeoRadius>;
template struct GeoTest<GeoBoundingBox>;
template struct GeoTest<GeoPolygon>;

bool is_empty_value(std::string_view value) {
  return value == "null" || (value.starts_with('[') && count_of_values(value) == 0);
}

bool is_null_value(std::string_view value) {
  if (value == "null") return true;
  bool found = false;
  for_each_element(value, [&found](std::string_view element) {
    found = element == "null";
    return !found;
  });
  return found;
}

std::uint64_t count_of_values(std::string_view value) {
  if (value == "null") return 0;
  if (!value.starts_with('[')) return 1;
  std::uint64_t count = 0;
  for_each_element(value, [&count](std::string_view) {
    ++count;
    return true;
  });
  return count;
}

bool in_range(const ValuesCount& range, std::uint64_t count) {
  return inside(range, count);
}

}  // namespace orthant
