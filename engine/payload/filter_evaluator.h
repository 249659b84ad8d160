#pragma once
// FilterEvaluator: a Filter made ready to be asked about many points: paths parsed, value sets hashed, query tokens split.
// Immutable after compile(), so one evaluator may serve many threads at once. It keeps no reference to the Filter.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"

namespace orthant {

class FilterEvaluator {
 public:
  // Says whether the point at hand has the named vector; asked only for HasVector conditions.
  using HasVectorPredicate = std::function<bool(std::string_view name)>;

  // invalid_argument when a key is no JSON path; the message names the key. `text_fields` is used during the call only.
  static Result<FilterEvaluator> compile(const Filter& filter, const TextFields& text_fields = {});
  FilterEvaluator(FilterEvaluator&&) noexcept;
  FilterEvaluator& operator=(FilterEvaluator&&) noexcept;
  ~FilterEvaluator();

  // `payload` is a valid payload text (payload.h), or empty for none; a text that cannot be walked counts as an empty payload.
  bool matches(const PointId& id, std::string_view payload, const HasVectorPredicate& has_vector) const;

  // False when only ids and vectors are asked about: callers need not read payloads then.
  bool needs_payload() const;

 private:
  struct Program;
  explicit FilterEvaluator(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

// Whether any condition of the filter looks at the payload.
bool needs_payload(const Filter& filter);

// When the filter can match no other points than certain ids (a has_id among its must conditions): those ids, ascending. They
// still have to be checked against the filter.
std::optional<std::vector<PointId>> only_possible_ids(const Filter& filter);

// The ids of all has_id conditions, some perhaps twice.
std::vector<PointId> named_ids(const Filter& filter);

// Equal texts mean equal filters: the key of caches. Filters that differ only in the order of has_id or of values have one key.
std::string canonical_key(const Filter& filter);

}  // namespace orthant
