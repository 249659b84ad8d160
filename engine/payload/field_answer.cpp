// What a FieldIndex answers to each kind of condition.

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "engine/payload/field_index.h"
#include "engine/payload/field_tests.h"
#include "engine/payload/geo_cells.h"

namespace orthant {
namespace {

struct KeyRange {
  std::uint64_t first = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  bool empty = false;
};

// The least value from `least` to `most` that fits; nothing when none does. `fits` is false up to some value and true from there.
template <typename Fits>
std::optional<std::int64_t> first_integer(const Fits& fits) {
  std::int64_t begin = std::numeric_limits<std::int64_t>::min();
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  if (!fits(end)) return std::nullopt;
  while (begin < end) {
    const std::int64_t middle =
        begin + static_cast<std::int64_t>((static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin)) / 2);
    if (fits(middle)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

// Keys of the integers inside a range of doubles. Integers are compared as the nearest double, as payloads' numbers are.
KeyRange integer_keys(const NumberRange& range) {
  const auto above = [&range](std::int64_t value) {
    const auto number = static_cast<double>(value);
    return (!range.gt || number > *range.gt) && (!range.gte || number >= *range.gte);
  };
  const auto beyond = [&range](std::int64_t value) {
    const auto number = static_cast<double>(value);
    return (range.lt && number >= *range.lt) || (range.lte && number > *range.lte);
  };
  const auto first = first_integer(above);
  const auto end = first_integer(beyond);
  KeyRange keys;
  if (!first || (end && *end <= *first)) return {.empty = true};
  keys.first = SortedColumn::key_of(*first);
  if (end) keys.last = SortedColumn::key_of(*end) - 1;
  return keys;
}

// `least` and `most` are the keys of the smallest and greatest value.
template <typename Range>
KeyRange plain_keys(const Range& range) {
  KeyRange keys;
  const auto at_least = [&keys](std::uint64_t key) { keys.first = std::max(keys.first, key); };
  const auto at_most = [&keys](std::uint64_t key) { keys.last = std::min(keys.last, key); };
  if (range.gte) at_least(SortedColumn::key_of(*range.gte));
  if (range.lte) at_most(SortedColumn::key_of(*range.lte));
  if (range.gt) {
    const std::uint64_t key = SortedColumn::key_of(*range.gt);
    if (key == std::numeric_limits<std::uint64_t>::max()) return {.empty = true};
    at_least(key + 1);
  }
  if (range.lt) {
    const std::uint64_t key = SortedColumn::key_of(*range.lt);
    if (key == 0) return {.empty = true};
    at_most(key - 1);
  }
  keys.empty = keys.first > keys.last;
  return keys;
}

bool includes_zero(const ValuesCount& range) {
  return in_range(range, 0);
}

}  // namespace

// One question to one index.
class FieldAnswer {
 public:
  FieldAnswer(const FieldIndex& index, std::size_t rows) : index_(index), rows_(rows) {}

  RowBounds operator()(const MatchValue& test) const { return one_of({test.value}); }
  RowBounds operator()(const MatchAny& test) const { return one_of(test.values); }
  RowBounds operator()(const MatchExcept& test) const;
  RowBounds operator()(const MatchText& test) const;
  RowBounds operator()(const MatchPrefix& test) const {
    return strings_that([&test](std::string_view text) { return text.starts_with(test.prefix); });
  }
  RowBounds operator()(const MatchSubstring& test) const {
    return strings_that([&test](std::string_view text) { return text.find(test.substring) != std::string_view::npos; });
  }
  RowBounds operator()(const NumberRange& test) const {
    if (type() == FieldType::kInteger) return with_others(range(integer_keys(test)));
    return type() == FieldType::kFloat ? RowBounds::exactly(range(plain_keys(test))) : any_element();
  }
  RowBounds operator()(const DatetimeRange& test) const {
    return type() == FieldType::kDatetime ? RowBounds::exactly(range(plain_keys(test))) : any_element();
  }
  RowBounds operator()(const ValuesCount& test) const {
    return includes_zero(test) ? RowBounds::unknown(rows_) : RowBounds{set(index_.present_), Bitmap(rows_)};
  }
  RowBounds operator()(const GeoRadius& area) const { return inside(area); }
  RowBounds operator()(const GeoBoundingBox& area) const { return inside(area); }
  RowBounds operator()(const GeoPolygon& area) const { return inside(area); }
  RowBounds operator()(const IsEmpty& test) const { return set_or_not(index_.present_, !test.expected); }
  RowBounds operator()(const IsNull& test) const { return set_or_not(index_.null_, test.expected); }

 private:
  FieldType type() const { return index_.schema_.type; }
  Bitmap set(const RowSet& rows) const {
    Bitmap bits(rows_);
    rows.add_to(bits);
    return bits;
  }
  RowBounds set_or_not(const RowSet& rows, bool expected) const {
    RowBounds bounds = RowBounds::exactly(set(rows));
    if (!expected) bounds.complement();
    return bounds;
  }
  // A test of elements of which the index knows nothing more.
  RowBounds any_element() const { return {set(index_.elements_), Bitmap(rows_)}; }
  RowBounds with_others(Bitmap certain) const {
    if (index_.other_.count() == 0) return RowBounds::exactly(std::move(certain));
    Bitmap possible = certain;
    index_.other_.add_to(possible);
    return {std::move(possible), std::move(certain)};
  }

  bool holds(const MatchScalar& value) const;
  // Whether the index holds all elements that can equal such scalars, or knows the rows (other_) that it does not hold.
  bool holds_scalars() const {
    return type() == FieldType::kKeyword || type() == FieldType::kUuid || type() == FieldType::kBool ||
           type() == FieldType::kInteger;
  }
  Bitmap rows_of(const std::vector<MatchScalar>& values) const;
  RowBounds one_of(const std::vector<MatchScalar>& values) const;
  template <typename Fits>
  RowBounds strings_that(const Fits& fits) const;
  Bitmap range(const KeyRange& keys) const;
  template <typename Area>
  RowBounds inside(const Area& area) const;

  const FieldIndex& index_;
  const std::size_t rows_;
};

bool FieldAnswer::holds(const MatchScalar& value) const {
  switch (type()) {
    case FieldType::kKeyword:
    case FieldType::kUuid: return std::holds_alternative<std::string>(value);
    case FieldType::kBool: return std::holds_alternative<bool>(value);
    case FieldType::kInteger: return std::holds_alternative<std::int64_t>(value);
    default: return false;
  }
}

Bitmap FieldAnswer::rows_of(const std::vector<MatchScalar>& values) const {
  Bitmap bits(rows_);
  for (const MatchScalar& value : values) {
    if (!holds(value)) continue;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      const std::uint64_t key = SortedColumn::key_of(*integer);
      index_.column_.visit_range(key, key, [&](std::uint64_t, std::uint32_t ordinal) {
        if (ordinal < rows_) bits.set(ordinal);
      });
      continue;
    }
    const auto* text = std::get_if<std::string>(&value);
    const RowSet* rows = index_.posting(text != nullptr ? *text : (std::get<bool>(value) ? "true" : "false"));
    if (rows != nullptr) rows->add_to(bits);
  }
  return bits;
}

RowBounds FieldAnswer::one_of(const std::vector<MatchScalar>& values) const {
  if (!holds_scalars()) return any_element();
  const bool all_held = std::ranges::all_of(values, [this](const MatchScalar& value) { return holds(value); });
  return all_held ? RowBounds::exactly(rows_of(values)) : with_others(rows_of(values));
}

// A row with one element matches when this is none of the values; one with several may have another beside.
RowBounds FieldAnswer::operator()(const MatchExcept& test) const {
  if (!holds_scalars()) return any_element();
  const bool all_held = std::ranges::all_of(test.values, [this](const MatchScalar& value) { return holds(value); });
  const Bitmap named = rows_of(test.values);
  Bitmap certain = set(index_.elements_);
  certain.subtract(named);
  Bitmap possible = certain;
  Bitmap several = named;
  several &= set(index_.several_);
  possible |= several;
  if (!all_held) index_.other_.remove_from(certain);
  return {std::move(possible), std::move(certain)};
}

RowBounds FieldAnswer::operator()(const MatchText& test) const {
  if (type() != FieldType::kText) return any_element();
  if (test.phrase && index_.schema_.text.tokenizer == TextTokenizer::kPrefix) return any_element();
  const TextAnalyzer& analyzer = index_.reader_.analyzer();
  const std::vector<std::string> tokens = test.phrase ? analyzer.words(test.query) : analyzer.query_tokens(test.query);
  const bool any = test.any_token && !test.phrase;
  Bitmap bits(rows_, !any && !tokens.empty());
  for (const std::string& token : tokens) {
    const RowSet* rows = index_.posting(token);
    if (any) {
      if (rows != nullptr) rows->add_to(bits);
    } else {
      bits &= rows != nullptr ? set(*rows) : Bitmap(rows_);
    }
  }
  if (any || tokens.size() <= 1) return RowBounds::exactly(std::move(bits));
  Bitmap certain = test.phrase ? Bitmap(rows_) : bits;
  index_.several_.remove_from(certain);  // the tokens may stand in different texts
  return {std::move(bits), std::move(certain)};
}

template <typename Fits>
RowBounds FieldAnswer::strings_that(const Fits& fits) const {
  if (type() != FieldType::kKeyword && type() != FieldType::kUuid) return any_element();
  Bitmap bits(rows_);
  index_.visit_postings([&](std::string_view text, const RowSet& rows) {
    if (fits(text)) rows.add_to(bits);
  });
  return RowBounds::exactly(std::move(bits));
}

// Where every row has one key, a range of more than half of them is had by taking the others away.
Bitmap FieldAnswer::range(const KeyRange& keys) const {
  Bitmap bits(rows_);
  if (keys.empty) return bits;
  const SortedColumn& column = index_.column_;
  const std::uint64_t inside = column.count_range(keys.first, keys.last);
  const bool one_key_a_row = index_.several_.count() == 0 && column.count() == index_.elements_.count();
  if (one_key_a_row && inside * 2 > column.count()) {
    index_.elements_.add_to(bits);
    const auto take_away = [&](std::uint64_t, std::uint32_t ordinal) {
      if (ordinal < rows_) bits.reset(ordinal);
    };
    if (keys.first > 0) column.visit_range(0, keys.first - 1, take_away);
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    if (keys.last < kMost) column.visit_range(keys.last + 1, kMost, take_away);
    return bits;
  }
  column.visit_range(keys.first, keys.last, [&](std::uint64_t, std::uint32_t ordinal) {
    if (ordinal < rows_) bits.set(ordinal);
  });
  return bits;
}

template <typename Area>
RowBounds FieldAnswer::inside(const Area& area) const {
  if (type() != FieldType::kGeo) return any_element();
  const GeoCover cover(area);
  Bitmap possible(rows_);
  Bitmap certain(rows_);
  for (const auto& [first, last] : cover.ranges()) {
    index_.column_.visit_range(first, last, [&](std::uint64_t cell, std::uint32_t ordinal) {
      const GeoRelation relation = cover.relation(cell);
      if (relation == GeoRelation::kOutside || ordinal >= rows_) return;
      possible.set(ordinal);
      if (relation == GeoRelation::kInside) certain.set(ordinal);
    });
  }
  index_.other_.add_to(possible);
  return {std::move(possible), std::move(certain)};
}

RowBounds FieldIndex::bounds(const FieldTest& test, std::size_t rows) const {
  return std::visit(FieldAnswer(*this, rows), test);
}

// ---- estimates ----

namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

std::optional<std::uint64_t> FieldIndex::estimate(const FieldTest& test) const {
  using Count = std::optional<std::uint64_t>;
  const auto scalar = [this](const MatchScalar& value) -> std::uint64_t {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      const std::uint64_t key = SortedColumn::key_of(*integer);
      return schema_.type == FieldType::kInteger ? column_.count_range(key, key) : other_.count();
    }
    const auto* text = std::get_if<std::string>(&value);
    const RowSet* rows = posting(text != nullptr ? *text : (std::get<bool>(value) ? "true" : "false"));
    return (rows != nullptr ? rows->count() : 0) + other_.count();
  };
  const auto keys = [this](const KeyRange& range) -> Count {
    return range.empty ? 0 : column_.count_range(range.first, range.last) + other_.count();
  };
  const bool scalars = schema_.type == FieldType::kKeyword || schema_.type == FieldType::kUuid ||
                       schema_.type == FieldType::kBool || schema_.type == FieldType::kInteger;
  return std::visit(
      Overloaded{[&](const MatchValue& match) -> Count { return scalars ? Count(scalar(match.value)) : Count(elements_.count()); },
                 [&](const MatchAny& match) -> Count {
                   if (!scalars) return elements_.count();
                   std::uint64_t total = 0;
                   for (const MatchScalar& value : match.values) total += scalar(value);
                   return total;
                 },
                 [&](const MatchText& match) -> Count {
                   if (schema_.type != FieldType::kText) return elements_.count();
                   std::uint64_t fewest = elements_.count();
                   std::uint64_t together = 0;
                   for (const std::string& token : reader_.analyzer().query_tokens(match.query)) {
                     const RowSet* rows = posting(token);
                     fewest = std::min(fewest, rows != nullptr ? rows->count() : 0);
                     together += rows != nullptr ? rows->count() : 0;
                   }
                   return match.any_token ? together : fewest;
                 },
                 [&](const NumberRange& range) -> Count {
                   if (schema_.type == FieldType::kInteger) return keys(integer_keys(range));
                   return schema_.type == FieldType::kFloat ? keys(plain_keys(range)) : Count(elements_.count());
                 },
                 [&](const DatetimeRange& range) -> Count {
                   return schema_.type == FieldType::kDatetime ? keys(plain_keys(range)) : Count(elements_.count());
                 },
                 [&](const IsEmpty& empty) -> Count { return empty.expected ? Count() : Count(present_.count()); },
                 [&](const IsNull& null) -> Count { return null.expected ? Count(null_.count()) : Count(); },
                 [&](const auto&) -> Count { return elements_.count(); }},
      test);
}

}  // namespace orthant
