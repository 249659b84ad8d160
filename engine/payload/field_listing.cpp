// FieldIndexes: rows in the order of a field's values, and counts of values.

#include "engine/payload/field_listing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/point_id.h"
#include "engine/payload/field_index.h"
#include "engine/payload/field_indexes.h"

namespace orthant {
namespace {

constexpr double kIntegersEnd = 9223372036854775808.0;  // 2^63

bool has_order(FieldType type) {
  return type == FieldType::kInteger || type == FieldType::kFloat || type == FieldType::kDatetime;
}

bool has_facets(FieldType type) {
  return type == FieldType::kKeyword || type == FieldType::kInteger || type == FieldType::kUuid || type == FieldType::kBool;
}

OrderValue value_of_key(FieldType type, std::uint64_t key) {
  if (type == FieldType::kFloat) return SortedColumn::float_of_key(key);
  return SortedColumn::integer_of_key(key);
}

// The key of the nearest value that lies on the wanted side of `start`.
std::uint64_t key_of_start(FieldType type, const OrderValue& start, bool descending) {
  if (type == FieldType::kFloat) {
    return SortedColumn::key_of(std::visit([](auto value) { return static_cast<double>(value); }, start));
  }
  if (const auto* integer = std::get_if<std::int64_t>(&start)) return SortedColumn::key_of(*integer);
  const double rounded = descending ? std::floor(std::get<double>(start)) : std::ceil(std::get<double>(start));
  if (rounded >= kIntegersEnd) return SortedColumn::key_of(std::numeric_limits<std::int64_t>::max());
  if (rounded < -kIntegersEnd) return SortedColumn::key_of(std::numeric_limits<std::int64_t>::min());
  return SortedColumn::key_of(static_cast<std::int64_t>(rounded));
}

std::vector<FacetHit> count_keys(const SortedColumn& column, const Bitmap& rows) {
  std::vector<FacetHit> hits;
  std::uint64_t key = 0;
  column.visit_range(0, std::numeric_limits<std::uint64_t>::max(), [&](std::uint64_t next, std::uint32_t ordinal) {
    if (!rows.test(ordinal)) return;
    if (hits.empty() || next != key) hits.push_back({SortedColumn::integer_of_key(next), 0});
    key = next;
    ++hits.back().count;
  });
  return hits;
}

FacetValue facet_value(FieldType type, std::string_view text) {
  if (type == FieldType::kBool) return text == "true";
  if (type == FieldType::kUuid) {
    if (const auto uuid = PointId::parse_uuid(text)) return uuid->to_string();
  }
  return std::string(text);
}

// Values that are the same once they are written the same way (UUIDs) are one.
std::vector<FacetHit> count_postings(const FieldIndex& index, const Bitmap& rows) {
  std::map<FacetValue, std::uint64_t> counts;
  index.visit_postings([&](std::string_view text, const RowSet& holders) {
    const std::uint64_t count = holders.count_in(rows);
    if (count > 0) counts[facet_value(index.schema().type, text)] += count;
  });
  std::vector<FacetHit> hits;
  for (auto& [value, count] : counts) hits.push_back({value, count});
  return hits;
}

}  // namespace

std::vector<std::shared_ptr<FieldIndex>> FieldIndexes::indexes_of(const JsonPath& path) const {
  std::vector<std::shared_ptr<FieldIndex>> found;
  for (const std::shared_ptr<FieldIndex>& index : fields()->indexes) {
    if (index->reader().path().steps() == path.steps()) found.push_back(index);
  }
  return found;
}

std::shared_lock<std::shared_mutex> FieldIndexes::lock_contents() const {
  std::unique_lock turn(turn_);
  return std::shared_lock(contents_);
}

std::optional<std::vector<OrderedRow>> FieldIndexes::ordered(const JsonPath& path, const OrderBy& order, std::size_t limit,
                                                             const Bitmap& wanted) const {
  const auto indexes = indexes_of(path);
  const auto found = std::ranges::find_if(indexes, [](const auto& index) { return has_order(index->schema().type); });
  if (found == indexes.end()) return std::nullopt;
  const FieldType type = (*found)->schema().type;
  std::uint64_t first = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  if (order.start_from) (order.descending ? last : first) = key_of_start(type, *order.start_from, order.descending);
  std::vector<OrderedRow> rows;
  if (limit == 0) return rows;
  const auto lock = lock_contents();
  (*found)->column()->visit_ordered(first, last, order.descending, [&](std::uint64_t key, std::uint32_t ordinal) {
    if (wanted.test(ordinal)) rows.push_back({ordinal, value_of_key(type, key)});
    return rows.size() < limit;
  });
  return rows;
}

std::optional<std::vector<FacetHit>> FieldIndexes::facet(const JsonPath& path, const Bitmap& rows) const {
  const auto indexes = indexes_of(path);
  const auto found = std::ranges::find_if(indexes, [](const auto& index) { return has_facets(index->schema().type); });
  if (found == indexes.end()) return std::nullopt;
  const auto lock = lock_contents();
  if ((*found)->schema().type == FieldType::kInteger) return count_keys(*(*found)->column(), rows);
  return count_postings(**found, rows);
}

}  // namespace orthant
