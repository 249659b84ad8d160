#include "engine/payload/filter_plan.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <variant>

namespace orthant {
namespace {

using Steps = std::vector<JsonPath::Step>;
// Nothing: no index says anything.
using MaybeBounds = std::optional<RowBounds>;

// Asking a row for its payload costs as much as this many rows of a bitmap that is made.
constexpr std::uint64_t kRowsForAPayload = 500;
// Past this, counting how many conditions of a min_should hold is left to the rows themselves.
constexpr std::size_t kMostCounted = 1024;
constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

class Planner {
 public:
  Planner(const std::vector<std::shared_ptr<FieldIndex>>& indexes, std::size_t rows, const IdOrdinals* ids, Steps prefix = {})
      : indexes_(indexes), rows_(rows), ids_(ids), prefix_(std::move(prefix)) {}

  MaybeBounds bounds(const Filter& filter) const {
    MaybeBounds result = all_of(filter.must);
    const auto also = [&result](MaybeBounds part) {
      if (!part) {
        blur(result);
      } else if (result) {
        *result &= *part;
      } else {
        result = std::move(part);
        blur(result);  // what came before is not known
      }
    };
    if (filter.must.empty()) result = RowBounds::exactly(Bitmap(rows_, true));
    if (!filter.should.empty()) also(any_of(filter.should));
    for (const Condition& condition : filter.must_not) {
      MaybeBounds part = of(condition);
      if (part) part->complement();
      also(std::move(part));
    }
    if (filter.min_should) also(at_least(*filter.min_should));
    return result;
  }

 private:
  // No row is certain any more: a condition that must hold too is not known.
  static void blur(MaybeBounds& bounds) {
    if (bounds) bounds->certain = Bitmap(bounds->rows());
  }

  const FieldIndex* find(const std::string& key) const {
    const Result<JsonPath> path = JsonPath::parse(key);
    if (!path) return nullptr;
    Steps whole = prefix_;
    whole.insert(whole.end(), path->steps().begin(), path->steps().end());
    const auto found = std::ranges::find_if(indexes_, [&](const auto& index) { return index->reader().path().steps() == whole; });
    return found == indexes_.end() ? nullptr : found->get();
  }

  std::uint64_t estimate(const Condition& condition) const {
    if (const auto* field = std::get_if<FieldCondition>(&condition)) {
      const FieldIndex* index = find(field->key);
      return index == nullptr ? kUnknown : index->estimate(field->test).value_or(kUnknown - 1);
    }
    if (const auto* has_id = std::get_if<HasId>(&condition)) return ids_ != nullptr ? has_id->ids.size() : kUnknown;
    const bool composed = std::holds_alternative<SubFilter>(condition) || std::holds_alternative<Nested>(condition);
    return composed ? kUnknown - 1 : kUnknown;
  }

  MaybeBounds all_of(const std::vector<Condition>& conditions) const {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    for (std::size_t i = 0; i < conditions.size(); ++i) order.emplace_back(estimate(conditions[i]), i);
    std::ranges::sort(order);
    MaybeBounds result;
    bool unknown = false;
    for (const auto& [estimated, position] : order) {
      const std::uint64_t left = result ? result->possible.count() : rows_;
      if (result && left == 0) break;
      const bool dear = result && estimated < kUnknown - 1 && estimated / kRowsForAPayload > left;
      MaybeBounds part = dear ? MaybeBounds() : of(conditions[position]);
      if (!part) {
        unknown = true;
      } else if (result) {
        *result &= *part;
      } else {
        result = std::move(part);
      }
    }
    if (unknown) blur(result);
    return result;
  }

  MaybeBounds any_of(const std::vector<Condition>& conditions) const {
    MaybeBounds result;
    bool unknown = false;
    for (const Condition& condition : conditions) {
      MaybeBounds part = of(condition);
      if (!part) {
        unknown = true;
      } else if (result) {
        *result |= *part;
      } else {
        result = std::move(part);
      }
    }
    if (unknown && result) *result |= RowBounds::unknown(rows_);
    return result;
  }

  // counts[n]: rows of which at least n conditions are known to hold.
  MaybeBounds at_least(const MinShould& wanted) const {
    if (wanted.min_count == 0) return RowBounds::exactly(Bitmap(rows_, true));
    if (wanted.min_count > wanted.conditions.size()) return RowBounds::exactly(Bitmap(rows_));
    if (wanted.min_count * wanted.conditions.size() > kMostCounted) return std::nullopt;
    std::vector<RowBounds> counts(wanted.min_count + 1, RowBounds::exactly(Bitmap(rows_)));
    counts[0] = RowBounds::exactly(Bitmap(rows_, true));
    for (const Condition& condition : wanted.conditions) {
      const RowBounds part = of(condition).value_or(RowBounds::unknown(rows_));
      for (std::size_t n = wanted.min_count; n > 0; --n) {
        RowBounds one_more = counts[n - 1];
        one_more &= part;
        counts[n] |= one_more;
      }
    }
    return std::move(counts.back());
  }

  MaybeBounds of(const Condition& condition) const {
    if (const auto* field = std::get_if<FieldCondition>(&condition)) {
      const FieldIndex* index = find(field->key);
      return index == nullptr ? MaybeBounds() : index->bounds(field->test, rows_);
    }
    if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) return bounds(*sub_filter->filter);
    if (const auto* nested = std::get_if<Nested>(&condition)) return of_nested(*nested);
    if (const auto* has_id = std::get_if<HasId>(&condition)) return of_ids(*has_id);
    return std::nullopt;  // vectors and slices: the rows know
  }

  MaybeBounds of_ids(const HasId& condition) const {
    if (ids_ == nullptr) return std::nullopt;
    Bitmap rows(rows_);
    for (const PointId& id : condition.ids) {
      const auto found = ids_->find(id);
      if (found != ids_->end() && found->second < rows_) rows.set(found->second);
    }
    return RowBounds::exactly(std::move(rows));
  }

  // Some element satisfies the filter: then some element satisfies each of its must conditions and one of its should conditions.
  // What must not hold of an element says nothing about the row.
  MaybeBounds of_nested(const Nested& nested) const {
    const Result<JsonPath> path = JsonPath::parse(nested.key);
    if (!path) return std::nullopt;
    Steps inside = prefix_;
    inside.insert(inside.end(), path->steps().begin(), path->steps().end());
    if (inside.back().kind != JsonPath::StepKind::kEach) {
      inside.push_back({.kind = JsonPath::StepKind::kEach, .key = {}, .index = 0});
    }
    MaybeBounds result = Planner(indexes_, rows_, nullptr, std::move(inside)).some_element(*nested.filter);
    blur(result);
    return result;
  }

  // Rows of which some element may satisfy the filter; its certain rows mean nothing.
  MaybeBounds some_element(const Filter& filter) const {
    MaybeBounds result;
    const auto also = [&result](MaybeBounds part) {
      if (!part) return;
      if (result) {
        *result &= *part;
      } else {
        result = std::move(part);
      }
    };
    for (const Condition& condition : filter.must) also(some_element(condition));
    MaybeBounds any;
    bool known = !filter.should.empty();
    for (const Condition& condition : filter.should) {
      MaybeBounds part = some_element(condition);
      known = known && part;
      if (!known) break;
      if (any) {
        *any |= *part;
      } else {
        any = std::move(part);
      }
    }
    if (known) also(std::move(any));
    return result;
  }

  MaybeBounds some_element(const Condition& condition) const {
    if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) return some_element(*sub_filter->filter);
    const auto* field = std::get_if<FieldCondition>(&condition);
    // That a field is empty in one element does not show in the row's sets, which know of all elements together.
    if (field == nullptr || asks_for_whole_values(field->test)) return std::nullopt;
    return of(condition);
  }

  static bool asks_for_whole_values(const FieldTest& test) {
    return std::holds_alternative<IsEmpty>(test) || std::holds_alternative<IsNull>(test) ||
           std::holds_alternative<ValuesCount>(test);
  }

  const std::vector<std::shared_ptr<FieldIndex>>& indexes_;
  const std::size_t rows_;
  const IdOrdinals* const ids_;  // null: not known
  const Steps prefix_;
};

}  // namespace

RowBounds plan_filter(const Filter& filter, const std::vector<std::shared_ptr<FieldIndex>>& indexes, std::size_t rows,
                      const IdOrdinals* ids) {
  MaybeBounds bounds = Planner(indexes, rows, ids).bounds(filter);
  return bounds ? std::move(*bounds) : RowBounds::unknown(rows);
}

}  // namespace orthant
