#include "engine/payload/filter_evaluator.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "base/json_text.h"
#include "engine/payload/field_tests.h"
#include "engine/payload/id_slice.h"
#include "engine/payload/json_path.h"
#include "engine/payload/value_walk.h"

// A program looks a payload over once: each top-level key that any condition of the same level names has a slot, and one walk over
// the members fills the slots. Conditions then work on the texts in their slots. Nested filters are programs of their own, run on
// the elements' texts.

namespace orthant {
namespace {

using Steps = std::vector<JsonPath::Step>;
template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

// Where a condition looks: the slot of the path's first key, and the steps after it.
struct Place {
  std::size_t slot = 0;
  std::vector<JsonPath::Step> steps;
};

struct Clauses;
struct FilterProgram;

struct ElementCondition {
  Place place;
  ElementTest test;
};
struct EmptyCondition {
  Place place;
  bool expected;
};
struct NullCondition {
  Place place;
  bool expected;
};
struct CountCondition {
  Place place;
  ValuesCount range;
};
struct NestedCondition {
  Place place;
  std::unique_ptr<FilterProgram> program;
};
struct GroupCondition {
  std::unique_ptr<Clauses> clauses;
};
using CompiledCondition = std::variant<ElementCondition, EmptyCondition, NullCondition, CountCondition, NestedCondition,
                                       GroupCondition, HasId, HasVector, IdSlice>;

struct Clauses {
  std::vector<CompiledCondition> must, should, must_not, counted;
  std::optional<std::size_t> min_count;
};

struct FilterProgram {
  std::vector<std::string> slot_keys;
  Clauses clauses;
};

// ---- evaluation ----

// One point being asked about at one level of nesting. Slots are filled when first needed.
class Subject {
 public:
  Subject(const FilterProgram& program, const PointId* id, const FilterEvaluator::HasVectorPredicate* has_vector,
          std::string_view payload)
      : program_(program), id_(id), has_vector_(has_vector), payload_(payload) {}

  bool matches(const Clauses& clauses) {
    const auto holds = [this](const CompiledCondition& condition) { return this->holds(condition); };
    if (!std::ranges::all_of(clauses.must, holds)) return false;
    if (std::ranges::any_of(clauses.must_not, holds)) return false;
    if (!clauses.should.empty() && !std::ranges::any_of(clauses.should, holds)) return false;
    return !clauses.min_count || enough_hold(clauses.counted, *clauses.min_count);
  }

 private:
  bool enough_hold(const std::vector<CompiledCondition>& conditions, std::size_t needed) {
    for (std::size_t i = 0; i < conditions.size() && needed > 0; ++i) {
      if (holds(conditions[i])) --needed;
    }
    return needed == 0;
  }

  // Empty when the payload lacks the key.
  std::string_view slot(const Place& place) {
    if (!filled_) fill();
    return slots()[place.slot];
  }
  std::string_view* slots() { return many_slots_.empty() ? few_slots_.data() : many_slots_.data(); }

  void fill() {
    filled_ = true;
    const std::vector<std::string>& keys = program_.slot_keys;
    if (keys.size() > few_slots_.size()) many_slots_.resize(keys.size());
    std::string_view* values = slots();
    std::fill_n(values, keys.size(), std::string_view());
    for_each_member(payload_, [&](std::string_view key, std::string_view value) {
      const bool escaped = std::memchr(key.data(), '\\', key.size()) != nullptr;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (escaped ? json_text_equals(key, keys[i]) : key == keys[i]) values[i] = value;
      }
      return true;
    });
  }

  template <typename Visit>
  bool any_value(const Place& place, Visit&& visit) {
    const std::string_view value = slot(place);
    return !value.empty() && visit_values(value, place.steps, visit);
  }

  template <typename Test>
  bool any_element(const Place& place, const Test& test) {
    return any_value(place, [&test](std::string_view value) { return visit_elements(value, test); });
  }

  bool count_holds(const CountCondition& condition) {
    bool any_but_null = false;
    const bool found = any_value(condition.place, [&](std::string_view value) {
      any_but_null = any_but_null || value != "null";
      return in_range(condition.range, count_of_values(value));
    });
    return found || (!any_but_null && in_range(condition.range, 0));
  }

  bool nested_holds(const NestedCondition& condition) {
    return any_value(condition.place, [&condition](std::string_view array) {
      bool found = false;
      for_each_element(array, [&](std::string_view element) {
        if (!element.starts_with('{')) return true;
        found = Subject(*condition.program, nullptr, nullptr, element).matches(condition.program->clauses);
        return !found;
      });
      return found;
    });
  }

  bool holds(const CompiledCondition& condition) {
    return std::visit(Overloaded{
                          [this](const ElementCondition& c) {
                            return std::visit([&](const auto& test) { return any_element(c.place, test); }, c.test);
                          },
                          [this](const EmptyCondition& c) {
                            return any_value(c.place, [](std::string_view value) { return !is_empty_value(value); }) != c.expected;
                          },
                          [this](const NullCondition& c) { return any_value(c.place, is_null_value) == c.expected; },
                          [this](const CountCondition& c) { return count_holds(c); },
                          [this](const NestedCondition& c) { return nested_holds(c); },
                          [this](const GroupCondition& c) { return matches(*c.clauses); },
                          [this](const HasId& c) { return id_ != nullptr && c.ids.contains(*id_); },
                          [this](const IdSlice& c) { return id_ != nullptr && slice_of(*id_, c.total) == c.index; },
                          [this](const HasVector& c) { return has_vector_ != nullptr && *has_vector_ && (*has_vector_)(c.name); },
                      },
                      condition);
  }

  const FilterProgram& program_;
  const PointId* id_;
  const FilterEvaluator::HasVectorPredicate* has_vector_;
  std::string_view payload_;
  bool filled_ = false;
  std::array<std::string_view, 8> few_slots_;
  std::vector<std::string_view> many_slots_;
};

// ---- compilation ----

// What compiling knows beside the filter: the options of text fields, and where in the payload the filter stands.
struct Surroundings {
  const TextFields& text_fields;
  Steps prefix;
};

Result<std::unique_ptr<FilterProgram>> compile_program(const Filter& filter, const Surroundings& surroundings);

class Compiler {
 public:
  Compiler(FilterProgram& program, const Surroundings& surroundings) : program_(program), surroundings_(surroundings) {}

  Result<Clauses> clauses(const Filter& filter) {
    Clauses compiled;
    compiled.must = ORTHANT_TRY(conditions(filter.must));
    compiled.should = ORTHANT_TRY(conditions(filter.should));
    compiled.must_not = ORTHANT_TRY(conditions(filter.must_not));
    if (filter.min_should) {
      compiled.counted = ORTHANT_TRY(conditions(filter.min_should->conditions));
      compiled.min_count = filter.min_should->min_count;
    }
    return compiled;
  }

 private:
  // Cheap ones first: ids and vectors need no payload.
  Result<std::vector<CompiledCondition>> conditions(const std::vector<Condition>& list) {
    std::vector<CompiledCondition> compiled;
    std::ptrdiff_t cheap = 0;
    for (const Condition& item : list) {
      auto result = std::visit([this](const auto& c) { return condition(c); }, item);
      const bool is_cheap =
          std::holds_alternative<HasId>(item) || std::holds_alternative<HasVector>(item) || std::holds_alternative<IdSlice>(item);
      compiled.insert(is_cheap ? compiled.begin() + cheap++ : compiled.end(), ORTHANT_TRY(std::move(result)));
    }
    return compiled;
  }

  Result<Place> place(const std::string& key) {
    const JsonPath path = ORTHANT_TRY(JsonPath::parse(key));
    const std::string& first = path.steps().front().key;
    std::vector<std::string>& keys = program_.slot_keys;
    auto found = std::ranges::find(keys, first);
    if (found == keys.end()) found = keys.insert(keys.end(), first);
    return Place{static_cast<std::size_t>(found - keys.begin()), {path.steps().begin() + 1, path.steps().end()}};
  }

  Steps whole_path(const Place& place) const {
    Steps path = surroundings_.prefix;
    path.push_back({.kind = JsonPath::StepKind::kKey, .key = program_.slot_keys[place.slot], .index = 0});
    path.insert(path.end(), place.steps.begin(), place.steps.end());
    return path;
  }
  std::shared_ptr<const TextAnalyzer> analyzer_of(const Place& place) const {
    return surroundings_.text_fields.analyzer(whole_path(place));
  }

  Result<CompiledCondition> condition(const FieldCondition& field) {
    Place where = ORTHANT_TRY(place(field.key));
    const auto element = [&where](auto test) { return ElementCondition{std::move(where), ElementTest(std::move(test))}; };
    return std::visit(Overloaded{
                          [&](const MatchValue& m) { return CompiledCondition(element(InSetTest{ScalarSet({m.value})})); },
                          [&](const MatchAny& m) { return CompiledCondition(element(InSetTest{ScalarSet(m.values)})); },
                          [&](const MatchExcept& m) { return CompiledCondition(element(NotInSetTest{ScalarSet(m.values)})); },
                          [&](const MatchText& m) { return CompiledCondition(element(TextTest(m, analyzer_of(where)))); },
                          [&](const MatchPrefix& m) { return CompiledCondition(element(PrefixTest{m.prefix})); },
                          [&](const MatchSubstring& m) { return CompiledCondition(element(SubstringTest{m.substring})); },
                          [&](const NumberRange& r) { return CompiledCondition(element(NumberRangeTest{r})); },
                          [&](const DatetimeRange& r) { return CompiledCondition(element(DatetimeRangeTest{r})); },
                          [&](const ValuesCount& r) { return CompiledCondition(CountCondition{std::move(where), r}); },
                          [&](const GeoRadius& a) { return CompiledCondition(element(GeoTest<GeoRadius>{a})); },
                          [&](const GeoBoundingBox& a) { return CompiledCondition(element(GeoTest<GeoBoundingBox>{a})); },
                          [&](const GeoPolygon& a) { return CompiledCondition(element(GeoTest<GeoPolygon>{a})); },
                          [&](const IsEmpty& e) { return CompiledCondition(EmptyCondition{std::move(where), e.expected}); },
                          [&](const IsNull& n) { return CompiledCondition(NullCondition{std::move(where), n.expected}); },
                      },
                      field.test);
  }

  Result<CompiledCondition> condition(const HasId& has_id) { return has_id; }
  Result<CompiledCondition> condition(const HasVector& has_vector) { return has_vector; }
  Result<CompiledCondition> condition(const IdSlice& slice) { return slice; }

  // `data` and `data[]` name the same elements.
  Result<CompiledCondition> condition(const Nested& nested) {
    Place where = ORTHANT_TRY(place(nested.key));
    if (!where.steps.empty() && where.steps.back().kind == JsonPath::StepKind::kEach) where.steps.pop_back();
    Surroundings inside{surroundings_.text_fields, whole_path(where)};
    inside.prefix.push_back({.kind = JsonPath::StepKind::kEach, .key = {}, .index = 0});
    return NestedCondition{std::move(where), ORTHANT_TRY(compile_program(*nested.filter, inside))};
  }

  Result<CompiledCondition> condition(const SubFilter& sub_filter) {
    return GroupCondition{std::make_unique<Clauses>(ORTHANT_TRY(clauses(*sub_filter.filter)))};
  }

  FilterProgram& program_;
  const Surroundings& surroundings_;
};

Result<std::unique_ptr<FilterProgram>> compile_program(const Filter& filter, const Surroundings& surroundings) {
  auto program = std::make_unique<FilterProgram>();
  program->clauses = ORTHANT_TRY(Compiler(*program, surroundings).clauses(filter));
  return program;
}

bool condition_needs_payload(const Condition& condition) {
  if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) return needs_payload(*sub_filter->filter);
  return std::holds_alternative<FieldCondition>(condition) || std::holds_alternative<Nested>(condition);
}

}  // namespace

struct FilterEvaluator::Program {
  std::unique_ptr<FilterProgram> compiled;
  bool needs_payload = true;
};

FilterEvaluator::FilterEvaluator(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
FilterEvaluator::FilterEvaluator(FilterEvaluator&&) noexcept = default;
FilterEvaluator& FilterEvaluator::operator=(FilterEvaluator&&) noexcept = default;
FilterEvaluator::~FilterEvaluator() = default;

Result<FilterEvaluator> FilterEvaluator::compile(const Filter& filter, const TextFields& text_fields) {
  auto program = std::make_unique<Program>();
  program->compiled = ORTHANT_TRY(compile_program(filter, {text_fields, {}}));
  program->needs_payload = orthant::needs_payload(filter);
  return FilterEvaluator(std::move(program));
}

bool FilterEvaluator::matches(const PointId& id, std::string_view payload, const HasVectorPredicate& has_vector) const {
  const FilterProgram& program = *program_->compiled;
  return Subject(program, &id, &has_vector, payload).matches(program.clauses);
}

bool FilterEvaluator::needs_payload() const {
  return program_->needs_payload;
}

bool needs_payload(const Filter& filter) {
  const auto any = [](const std::vector<Condition>& list) { return std::ranges::any_of(list, condition_needs_payload); };
  return any(filter.must) || any(filter.should) || any(filter.must_not) ||
         (filter.min_should && any(filter.min_should->conditions));
}

std::optional<std::vector<PointId>> only_possible_ids(const Filter& filter) {
  std::optional<std::vector<PointId>> fewest;
  for (const Condition& condition : filter.must) {
    std::optional<std::vector<PointId>> ids;
    if (const auto* has_id = std::get_if<HasId>(&condition)) ids.emplace(has_id->ids.begin(), has_id->ids.end());
    if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) ids = only_possible_ids(*sub_filter->filter);
    if (ids && (!fewest || ids->size() < fewest->size())) fewest = std::move(ids);
  }
  if (fewest) std::ranges::sort(*fewest);
  return fewest;
}

std::vector<PointId> named_ids(const Filter& filter) {
  std::vector<PointId> ids;
  const auto collect = [&ids](const std::vector<Condition>& conditions) {
    for (const Condition& condition : conditions) {
      if (const auto* has_id = std::get_if<HasId>(&condition)) ids.insert(ids.end(), has_id->ids.begin(), has_id->ids.end());
      if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) {
        const std::vector<PointId> inside = named_ids(*sub_filter->filter);
        ids.insert(ids.end(), inside.begin(), inside.end());
      }
    }
  };
  for (const auto* conditions : {&filter.must, &filter.should, &filter.must_not}) collect(*conditions);
  if (filter.min_should) collect(filter.min_should->conditions);
  return ids;
}

}  // namespace orthant
