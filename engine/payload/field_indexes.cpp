#include "engine/payload/field_indexes.h"

#include <algorithm>
#include <iterator>

#include "engine/payload/field_index.h"
#include "engine/payload/filter_plan.h"

namespace orthant {
namespace {

// What is entered while the lock is held.
constexpr std::size_t kSliceRows = 100;
constexpr std::size_t kSliceEdits = 25;
constexpr std::size_t kSliceBurials = 1000;

std::vector<FieldValues> values_of(std::string_view payload, const auto& indexes) {
  std::vector<FieldValues> values;
  values.reserve(indexes.size());
  for (const auto& [path, index] : indexes) values.push_back(index->reader().read(payload));
  return values;
}

// The rows [begin, end) of one field, moved out.
std::vector<FieldIndex::Row> column_of(std::vector<RowFields>& rows, std::size_t field, std::size_t begin, std::size_t end) {
  std::vector<FieldIndex::Row> column;
  column.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) column.push_back({rows[i].ordinal, std::move(rows[i].values[field])});
  return column;
}

}  // namespace

RowFields::RowFields(std::uint32_t row, std::vector<FieldValues> fields) : ordinal(row), values(std::move(fields)) {}
RowFields::RowFields(RowFields&&) noexcept = default;
RowFields& RowFields::operator=(RowFields&&) noexcept = default;
RowFields::~RowFields() = default;

// ---- Builder ----

FieldIndexes::Builder::Builder(Builder&&) noexcept = default;
FieldIndexes::Builder& FieldIndexes::Builder::operator=(Builder&&) noexcept = default;
FieldIndexes::Builder::~Builder() = default;

Result<FieldIndexes::Builder> FieldIndexes::Builder::make(const FieldSchemas& schemas) {
  Builder builder;
  for (const auto& [path, schema] : schemas) {
    builder.indexes_.emplace_back(path, std::make_shared<FieldIndex>(ORTHANT_TRY(JsonPath::parse(path)), schema));
  }
  return builder;
}

RowFields FieldIndexes::Builder::read(std::uint32_t ordinal, std::string_view payload) const {
  return {ordinal, values_of(payload, indexes_)};
}

void FieldIndexes::Builder::add(std::vector<RowFields> rows) {
  for (std::size_t field = 0; field < indexes_.size(); ++field) {
    indexes_[field].second->add(column_of(rows, field, 0, rows.size()));
  }
}

void FieldIndexes::Builder::replace(RowFields before, RowFields after) {
  for (std::size_t field = 0; field < indexes_.size(); ++field) {
    indexes_[field].second->replace(before.ordinal, before.values[field], std::move(after.values[field]));
  }
}

void FieldIndexes::Builder::bury(std::uint32_t ordinal) {
  for (const auto& [path, index] : indexes_) index->bury(ordinal);
}

// ---- FieldIndexes ----

FieldIndexes::FieldIndexes() : fields_(std::make_shared<const Fields>()) {}
FieldIndexes::~FieldIndexes() = default;

std::shared_ptr<const FieldIndexes::Fields> FieldIndexes::fields() const {
  std::lock_guard lock(fields_mutex_);
  return fields_;
}

RowBounds FieldIndexes::bounds(const Fields& fields, const Filter& filter, std::size_t rows, const IdOrdinals* ids) const {
  std::unique_lock turn(turn_);
  std::shared_lock lock(contents_);
  turn.unlock();
  return plan_filter(filter, fields.indexes, rows, ids);
}

std::map<std::string, FieldIndexInfo> FieldIndexes::info() const {
  std::unique_lock turn(turn_);
  std::shared_lock lock(contents_);
  turn.unlock();
  std::map<std::string, FieldIndexInfo> found;
  for (const auto& [path, index] : named_) found[path] = {index->points(), index->memory_bytes()};
  return found;
}

FieldSchemas FieldIndexes::schemas() const {
  FieldSchemas schemas;
  for (const auto& [path, index] : named_) schemas.emplace(path, index->schema());
  return schemas;
}

RowFields FieldIndexes::read(std::uint32_t ordinal, std::string_view payload) const {
  return {ordinal, values_of(payload, named_)};
}

template <typename Enter>
void FieldIndexes::in_slices(std::size_t count, std::size_t slice, const Enter& enter) {
  for (std::size_t begin = 0; begin < count; begin += slice) {
    std::lock_guard turn(turn_);
    std::lock_guard lock(contents_);
    enter(begin, std::min(begin + slice, count));
  }
}

void FieldIndexes::apply(FieldChanges changes) {
  if (named_.empty()) return;
  in_slices(changes.added.size(), kSliceRows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t field = 0; field < named_.size(); ++field) {
      named_[field].second->add(column_of(changes.added, field, begin, end));
    }
  });
  in_slices(changes.edited.size(), kSliceEdits, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      auto& [before, after] = changes.edited[i];
      for (std::size_t field = 0; field < named_.size(); ++field) {
        named_[field].second->replace(before.ordinal, before.values[field], std::move(after.values[field]));
      }
    }
  });
}

void FieldIndexes::bury(std::span<const std::uint32_t> ordinals) {
  if (named_.empty()) return;
  in_slices(ordinals.size(), kSliceBurials, [&](std::size_t begin, std::size_t end) {
    for (const std::uint32_t ordinal : ordinals.subspan(begin, end - begin)) {
      for (const auto& [path, index] : named_) index->bury(ordinal);
    }
  });
}

void FieldIndexes::install(Builder builder) {
  {
    std::lock_guard turn(turn_);
    std::lock_guard lock(contents_);
    for (auto& [path, index] : builder.indexes_) {
      std::erase_if(named_, [&path](const auto& named) { return named.first == path; });
      named_.emplace_back(path, std::move(index));
    }
  }
  publish();
}

void FieldIndexes::remove(std::string_view path) {
  {
    std::lock_guard turn(turn_);
    std::lock_guard lock(contents_);
    std::erase_if(named_, [path](const auto& named) { return named.first == path; });
  }
  publish();
}

void FieldIndexes::publish() {
  auto fields = std::make_shared<Fields>();
  for (const auto& [path, index] : named_) {
    fields->indexes.push_back(index);
    if (index->schema().type == FieldType::kText) fields->text.add(index->reader().path(), index->schema().text);
  }
  std::lock_guard lock(fields_mutex_);
  fields_ = std::move(fields);
}

}  // namespace orthant
