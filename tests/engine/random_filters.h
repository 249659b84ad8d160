#pragma once
// Random payloads and filters over the same few fields, made so that types are mixed and many conditions hold for some rows. For
// tests that compare ways of answering filters.

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/point_id.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"

namespace orthant::test {

class RandomFilters {
 public:
  explicit RandomFilters(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }
  template <typename T>
  const T& one_of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

  // Every type, nested paths and arrays of objects; the text fields get random options.
  FieldSchemas schemas() {
    FieldSchemas schemas{{"k", {FieldType::kKeyword, {}}},      {"i", {FieldType::kInteger, {}}},
                         {"f", {FieldType::kFloat, {}}},        {"d", {FieldType::kDatetime, {}}},
                         {"g", {FieldType::kGeo, {}}},          {"b", {FieldType::kBool, {}}},
                         {"u", {FieldType::kUuid, {}}},         {"o.k", {FieldType::kKeyword, {}}},
                         {"t", {FieldType::kText, {}}},         {"items[].color", {FieldType::kKeyword, {}}},
                         {"list[]", {FieldType::kKeyword, {}}}, {"items[].size", {FieldType::kInteger, {}}}};
    TextOptions options;
    options.tokenizer = static_cast<TextTokenizer>(below(4));
    options.lowercase = chance(0.5);
    options.ascii_folding = chance(0.3);
    if (chance(0.5)) options.min_token_length = 1 + below(3);
    if (chance(0.5)) options.max_token_length = 2 + below(4);
    if (chance(0.3)) options.stopwords = {"the", "Fox"};
    schemas["t2"] = {FieldType::kText, options};
    return schemas;
  }

  std::string payload() {
    std::string json = "{";
    const auto add = [&](const std::string& key, const std::string& value) {
      json += fmt::format(R"({}"{}": {})", json.size() > 1 ? ", " : "", key, value);
    };
    for (const char* key : {"k", "i", "f", "d", "g", "b", "u", "t", "t2", "list", "n"}) {
      if (chance(0.7)) add(key, value_of(key));
    }
    if (chance(0.4)) add("o", chance(0.8) ? fmt::format(R"({{"k": {}}})", value_of("k")) : value_of("k"));
    if (chance(0.5)) add("items", items());
    return json + "}";
  }

  Filter filter(std::size_t depth = 2) {
    Filter made;
    if (chance(0.6)) made.must = conditions(depth, 1 + below(3));
    if (chance(0.3)) made.should = conditions(depth, 1 + below(3));
    if (chance(0.3)) made.must_not = conditions(depth, 1 + below(2));
    if (chance(0.2)) made.min_should = MinShould{conditions(depth, 1 + below(4)), below(4)};
    return made;
  }

 private:
  std::vector<Condition> conditions(std::size_t depth, std::size_t count) {
    std::vector<Condition> made;
    while (made.size() < count) made.push_back(condition(depth));
    return made;
  }

  Condition condition(std::size_t depth) {
    const std::size_t kind = below(depth > 0 ? 14 : 10);
    if (kind == 13) return SubFilter{std::make_shared<const Filter>(filter(depth - 1))};
    if (kind >= 11) return nested(depth - 1);
    if (kind == 10) return id_condition();
    static const std::vector<std::string> keys = {
        "k",      "i",    "f", "d",      "g", "b", "u", "t", "t2", "o.k", "items[].color", "items[].size", "items[0].size",
        "list[]", "list", "n", "missing"};
    const std::string& key = one_of(keys);
    // Mostly a condition that suits the field.
    return FieldCondition{key, test_of(chance(0.8) ? key : one_of(keys))};
  }

  Condition id_condition() {
    if (chance(0.3)) return HasVector{chance(0.5) ? "" : "other"};
    if (chance(0.3)) return IdSlice{.total = 3, .index = below(3)};
    HasId has_id;
    for (std::size_t i = 0, count = 1 + below(60); i < count; ++i) has_id.ids.insert(PointId::number(below(200)));
    return has_id;
  }

  Condition nested(std::size_t depth) {
    Filter inner;
    const auto inside = [&](std::size_t count) {
      std::vector<Condition> made;
      while (made.size() < count) {
        if (depth > 0 && chance(0.1)) {
          made.push_back(SubFilter{std::make_shared<const Filter>(filter(0))});
          continue;
        }
        const std::string key = chance(0.5) ? "color" : "size";
        made.push_back(FieldCondition{key, test_of("items[]." + key)});
      }
      return made;
    };
    if (chance(0.7)) inner.must = inside(1 + below(2));
    if (chance(0.3)) inner.should = inside(1 + below(2));
    if (chance(0.2)) inner.must_not = inside(1);
    return Nested{chance(0.5) ? "items" : "items[]", std::make_shared<const Filter>(std::move(inner))};
  }

  std::string word() {
    static const std::vector<std::string> words = {"the", "quick", "Fox", "fox", "qui", "caf\u00e9", "\u6f22\u5b57", "a", "dog"};
    return one_of(words);
  }
  std::string text() {
    std::string made;
    for (std::size_t i = 0, count = below(5); i < count; ++i) made += (i > 0 ? (chance(0.3) ? "-" : " ") : "") + word();
    return made;
  }
  std::string keyword() { return one_of<std::string>({"red", "blue", "green", "redder", "x\\\"y", "1", "true"}); }
  std::string plain_keyword() { return one_of<std::string>({"red", "blue", "green", "redder", "x\"y", "1", "true", "nowhere"}); }
  std::int64_t integer() {
    return chance(0.1) ? (std::int64_t{1} << 53) + static_cast<std::int64_t>(below(4)) : static_cast<std::int64_t>(below(9)) - 4;
  }
  std::string time() { return fmt::format("2024-0{}-1{}T0{}:00:00Z", 1 + below(3), below(3), below(10)); }
  double latitude() { return chance(0.3) ? 52.0 + static_cast<double>(below(5)) * 1e-6 : static_cast<double>(below(181)) - 90; }
  double longitude() { return chance(0.3) ? 13.0 + static_cast<double>(below(5)) * 1e-6 : static_cast<double>(below(361)) - 180; }

  // JSON.
  std::string scalar(const std::string& key) {
    if (chance(0.08)) return "null";
    if (chance(0.08)) return one_of<std::string>({"7", "\"red\"", "true", "{}", "1.5", "\"2024-01-10\"", "1e400", "[1, \"red\"]"});
    switch (key.front()) {
      case 'i':
      case 's': return std::to_string(integer());
      case 'f':
      case 'n': return chance(0.5) ? fmt::format("{:.1f}", static_cast<double>(integer()) / 2) : std::to_string(integer());
      case 'd': return '"' + time() + '"';
      case 'g': return fmt::format(R"({{"lat": {}, "lon": {}}})", chance(0.03) ? 95 : latitude(), longitude());
      case 'b': return chance(0.5) ? "true" : "false";
      case 't': return '"' + text() + '"';
      default: return '"' + keyword() + '"';
    }
  }
  std::string value_of(const std::string& key) {
    if (key != "list" && chance(0.7)) return scalar(key);
    std::string array = "[";
    for (std::size_t i = 0, count = below(4); i < count; ++i) array += (i > 0 ? ", " : "") + scalar(key);
    return array + "]";
  }
  std::string items() {
    if (chance(0.05)) return value_of("k");
    std::string array = "[";
    for (std::size_t i = 0, count = below(4); i < count; ++i) {
      array += i > 0 ? ", " : "";
      array += chance(0.1) ? scalar("k") : fmt::format(R"({{"color": {}, "size": {}}})", value_of("k"), value_of("size"));
    }
    return array + "]";
  }

  using Test = decltype(FieldCondition::test);
  MatchScalar match_scalar(const std::string& key) {
    if (chance(0.1)) return one_of<MatchScalar>({MatchScalar(true), MatchScalar(std::int64_t{1}), MatchScalar(std::string("red"))});
    const bool is_integer = key == "i" || key == "n" || key == "f" || key.ends_with("size");
    if (is_integer) return integer();
    if (key == "b") return chance(0.5);
    return plain_keyword();
  }
  std::vector<MatchScalar> match_scalars(const std::string& key) {
    std::vector<MatchScalar> values;
    for (std::size_t i = 0, count = below(4); i < count; ++i) values.push_back(match_scalar(key));
    return values;
  }
  template <typename Range, typename Bound>
  Range range(const Bound& bound) {
    Range made;
    if (chance(0.5)) made.gt = bound();
    if (chance(0.3)) made.gte = bound();
    if (chance(0.4)) made.lt = bound();
    if (chance(0.3)) made.lte = bound();
    return made;
  }
  Test test_of(const std::string& key) {
    switch (below(14)) {
      case 0: return IsEmpty{chance(0.5)};
      case 1: return IsNull{chance(0.5)};
      case 2: return range<ValuesCount>([this] { return std::uint64_t{below(4)}; });
      case 3: return MatchExcept{match_scalars(key)};
      case 4: return MatchAny{match_scalars(key)};
      default: return suitable_test(key);
    }
  }
  Test suitable_test(const std::string& key) {
    switch (key.front()) {
      case 'f':
      case 'n': return range<NumberRange>([this] { return static_cast<double>(integer()) / 2; });
      case 'd': {
        constexpr std::int64_t kStart = 1704067200'000000;
        constexpr std::int64_t kHour = 3600'000000;
        return range<DatetimeRange>([this] { return kStart + kHour * static_cast<std::int64_t>(below(80 * 24)); });
      }
      case 'g': return area();
      case 't': return MatchText{.query = text(), .any_token = chance(0.3), .phrase = chance(0.2)};
      case 'i':
        if (key.ends_with("color")) break;
        if (chance(0.6)) return range<NumberRange>([this] { return static_cast<double>(integer()) + (chance(0.3) ? 0.5 : 0); });
        return MatchValue{match_scalar(key)};
      default: break;
    }
    if (chance(0.15)) return MatchPrefix{"red"};
    if (chance(0.15)) return MatchSubstring{"e"};
    return MatchValue{match_scalar(key)};
  }
  Test area() {
    if (chance(0.4)) {
      const double radius = chance(0.5) ? 0.05 * static_cast<double>(below(10)) : 3e5 * static_cast<double>(below(70));
      return GeoRadius{{latitude(), longitude()}, radius};
    }
    const GeoPoint a{latitude(), longitude()};
    const GeoPoint b{latitude(), longitude()};
    if (chance(0.6)) return GeoBoundingBox{{std::max(a.lat, b.lat), a.lon}, {std::min(a.lat, b.lat), b.lon}};
    GeoPolygon polygon{{a, {a.lat, b.lon}, b, {latitude(), longitude()}, a}, {}};
    if (chance(0.3)) polygon.interiors.push_back({{0, 0}, {10, 0}, {10, 10}, {0, 0}});
    return polygon;
  }

  std::mt19937_64 random_;
};

}  // namespace orthant::test
