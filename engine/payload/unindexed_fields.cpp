#include "engine/payload/unindexed_fields.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/payload/field_index.h"

namespace orthant {
namespace {

FieldType type_of(const MatchScalar& value) {
  if (std::holds_alternative<std::string>(value)) return FieldType::kKeyword;
  return std::holds_alternative<bool>(value) ? FieldType::kBool : FieldType::kInteger;
}

std::optional<FieldType> type_of(const std::vector<MatchScalar>& values) {
  return values.empty() ? std::nullopt : std::optional(type_of(values.front()));
}

// The type of an index that would answer the condition; nothing where none is needed.
struct HelpfulType {
  using Type = std::optional<FieldType>;
  Type operator()(const MatchValue& test) const { return type_of(test.value); }
  Type operator()(const MatchAny& test) const { return type_of(test.values); }
  Type operator()(const MatchExcept& test) const { return type_of(test.values); }
  Type operator()(const MatchText&) const { return FieldType::kText; }
  Type operator()(const NumberRange&) const { return FieldType::kFloat; }
  Type operator()(const DatetimeRange&) const { return FieldType::kDatetime; }
  Type operator()(const GeoRadius&) const { return FieldType::kGeo; }
  Type operator()(const GeoBoundingBox&) const { return FieldType::kGeo; }
  Type operator()(const GeoPolygon&) const { return FieldType::kGeo; }
  template <typename AnyOther>
  Type operator()(const AnyOther&) const {
    return FieldType::kKeyword;
  }
};

bool is_indexed(const std::string& path, const FieldIndexes::Fields& fields) {
  if (fields.empty()) return false;
  const Result<JsonPath> parsed = JsonPath::parse(path);
  if (!parsed) return true;  // such a filter is refused
  return std::ranges::any_of(fields.indexes, [&](const auto& index) { return index->reader().path().steps() == parsed->steps(); });
}

// visit(path, type) for the conditions on fields, at any depth.
template <typename Visit>
class ConditionWalk {
 public:
  explicit ConditionWalk(const Visit& visit) : visit_(visit) {}

  void walk(const Filter& filter, const std::string& prefix) const {
    walk(filter.must, prefix);
    walk(filter.should, prefix);
    walk(filter.must_not, prefix);
    if (filter.min_should) walk(filter.min_should->conditions, prefix);
  }

 private:
  void walk(const std::vector<Condition>& conditions, const std::string& prefix) const {
    for (const Condition& condition : conditions) {
      if (const auto* field = std::get_if<FieldCondition>(&condition)) {
        if (const auto type = std::visit(HelpfulType(), field->test)) visit_(prefix + field->key, *type);
      } else if (const auto* nested = std::get_if<Nested>(&condition)) {
        walk(*nested->filter, prefix + nested->key + (nested->key.ends_with("[]") ? "." : "[]."));
      } else if (const auto* sub_filter = std::get_if<SubFilter>(&condition)) {
        walk(*sub_filter->filter, prefix);
      }
    }
  }

  const Visit& visit_;
};

}  // namespace

void UnindexedFields::note(const Filter& filter, const FieldIndexes::Fields& fields) {
  const auto visit = [&](const std::string& path, FieldType type) {
    if (is_indexed(path, fields)) return;
    const std::lock_guard lock(mutex_);
    if (noted_.size() >= kMost || noted_.contains(path)) return;
    noted_.emplace(path, UnindexedField{type, std::chrono::system_clock::now()});
  };
  ConditionWalk(visit).walk(filter, "");
}

std::map<std::string, UnindexedField> UnindexedFields::noted(const FieldSchemas& indexed) {
  const std::lock_guard lock(mutex_);
  std::erase_if(noted_, [&](const auto& entry) { return indexed.contains(entry.first); });
  return noted_;
}

void UnindexedFields::clear() {
  const std::lock_guard lock(mutex_);
  noted_.clear();
}

}  // namespace orthant
