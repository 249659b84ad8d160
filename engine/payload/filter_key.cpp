#include <algorithm>
#include <bit>
#include <cstdint>

#include "engine/payload/filter_evaluator.h"

// The canonical text of a filter: every condition is a letter and its fields; texts carry their length, doubles their bits, so that
// no two filters share a text.

namespace orthant {
namespace {

void append(std::string& out, const Filter& filter);

void append(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}
void append(std::string& out, bool value) {
  out += value ? 'T' : 'F';
}
void append(std::string& out, std::int64_t value) {
  out += std::to_string(value);
  out += ';';
}
void append(std::string& out, std::uint64_t value) {
  out += std::to_string(value);
  out += ';';
}
void append(std::string& out, double value) {
  append(out, std::bit_cast<std::uint64_t>(value));
}
template <typename T>
void append_bound(std::string& out, char name, const std::optional<T>& bound) {
  if (!bound) return;
  out += name;
  append(out, *bound);
}
template <typename Range>
void append_range(std::string& out, const Range& range) {
  append_bound(out, '>', range.gt);
  append_bound(out, ']', range.gte);
  append_bound(out, '<', range.lt);
  append_bound(out, '[', range.lte);
  out += '.';
}
void append(std::string& out, const GeoPoint& point) {
  append(out, point.lat);
  append(out, point.lon);
}
void append(std::string& out, const std::vector<GeoPoint>& ring) {
  append(out, std::uint64_t{ring.size()});
  for (const GeoPoint& point : ring) append(out, point);
}

std::string scalar_text(const MatchScalar& value) {
  std::string text;
  if (const auto* string = std::get_if<std::string>(&value)) {
    text += 's';
    append(text, std::string_view(*string));
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    text += 'i';
    append(text, *integer);
  } else {
    text += 'b';
    append(text, std::get<bool>(value));
  }
  return text;
}

void append_set(std::string& out, const std::vector<MatchScalar>& values) {
  std::vector<std::string> texts;
  for (const MatchScalar& value : values) texts.push_back(scalar_text(value));
  std::ranges::sort(texts);
  const auto repeated = std::ranges::unique(texts);
  texts.erase(repeated.begin(), repeated.end());
  append(out, std::uint64_t{texts.size()});
  for (const std::string& text : texts) out += text;
}

struct TestWriter {
  std::string& out;

  void operator()(const MatchValue& test) const {
    out += 'v';
    out += scalar_text(test.value);
  }
  void operator()(const MatchAny& test) const {
    out += 'a';
    append_set(out, test.values);
  }
  void operator()(const MatchExcept& test) const {
    out += 'x';
    append_set(out, test.values);
  }
  void operator()(const MatchText& test) const {
    out += 't';
    append(out, test.any_token);
    append(out, test.phrase);
    append(out, std::string_view(test.query));
  }
  void operator()(const MatchPrefix& test) const {
    out += 'p';
    append(out, std::string_view(test.prefix));
  }
  void operator()(const MatchSubstring& test) const {
    out += 'u';
    append(out, std::string_view(test.substring));
  }
  void operator()(const NumberRange& test) const {
    out += 'r';
    append_range(out, test);
  }
  void operator()(const DatetimeRange& test) const {
    out += 'd';
    append_range(out, test);
  }
  void operator()(const ValuesCount& test) const {
    out += 'c';
    append_range(out, test);
  }
  void operator()(const GeoRadius& test) const {
    out += 'g';
    append(out, test.center);
    append(out, test.radius_m);
  }
  void operator()(const GeoBoundingBox& test) const {
    out += 'b';
    append(out, test.top_left);
    append(out, test.bottom_right);
  }
  void operator()(const GeoPolygon& test) const {
    out += 'o';
    append(out, test.exterior);
    append(out, std::uint64_t{test.interiors.size()});
    for (const auto& ring : test.interiors) append(out, ring);
  }
  void operator()(const IsEmpty& test) const {
    out += 'e';
    append(out, test.expected);
  }
  void operator()(const IsNull& test) const {
    out += 'n';
    append(out, test.expected);
  }
};

struct ConditionWriter {
  std::string& out;

  void operator()(const FieldCondition& condition) const {
    out += 'K';
    append(out, std::string_view(condition.key));
    std::visit(TestWriter{out}, condition.test);
  }
  void operator()(const HasId& condition) const {
    std::vector<PointId> ids(condition.ids.begin(), condition.ids.end());
    std::ranges::sort(ids);
    out += 'I';
    append(out, std::uint64_t{ids.size()});
    for (const PointId& id : ids) {
      out += id.to_string();
      out += ';';
    }
  }
  void operator()(const HasVector& condition) const {
    out += 'V';
    append(out, std::string_view(condition.name));
  }
  void operator()(const IdSlice& condition) const {
    out += 'P';
    append(out, condition.total);
    append(out, condition.index);
  }
  void operator()(const Nested& condition) const {
    out += 'N';
    append(out, std::string_view(condition.key));
    append(out, *condition.filter);
  }
  void operator()(const SubFilter& condition) const {
    out += 'S';
    append(out, *condition.filter);
  }
};

void append_list(std::string& out, char name, const std::vector<Condition>& conditions) {
  out += name;
  append(out, std::uint64_t{conditions.size()});
  for (const Condition& condition : conditions) std::visit(ConditionWriter{out}, condition);
}

void append(std::string& out, const Filter& filter) {
  out += '{';
  append_list(out, 'm', filter.must);
  append_list(out, 's', filter.should);
  append_list(out, 'n', filter.must_not);
  if (filter.min_should) {
    append_list(out, 'c', filter.min_should->conditions);
    append(out, std::uint64_t{filter.min_should->min_count});
  }
  out += '}';
}

}  // namespace

std::string canonical_key(const Filter& filter) {
  std::string key;
  append(key, filter);
  return key;
}

}  // namespace orthant
