#include "engine/payload/field_index.h"

#include <algorithm>

namespace orthant {

bool FieldIndex::has_postings() const {
  const FieldType type = schema_.type;
  return type == FieldType::kKeyword || type == FieldType::kUuid || type == FieldType::kBool || type == FieldType::kText;
}

const SortedColumn* FieldIndex::column() const {
  return has_postings() || schema_.type == FieldType::kGeo ? nullptr : &column_;
}

const RowSet* FieldIndex::posting(std::string_view text) const {
  const std::uint32_t number = dictionary_.find(text);
  return number == ValueDictionary::kNone ? nullptr : &postings_[number];
}

// ---- writer ----

void FieldIndex::add_sets(std::uint32_t ordinal, const FieldValues& values) {
  if (values.has_value) {
    present_.add(ordinal);
    ++points_;
  }
  if (values.has_null) null_.add(ordinal);
  if (values.elements > 0) elements_.add(ordinal);
  if (values.elements > 1) several_.add(ordinal);
  if (values.has_other) other_.add(ordinal);
}

void FieldIndex::remove_sets(std::uint32_t ordinal, const FieldValues& values) {
  if (values.has_value) {
    present_.remove(ordinal);
    --points_;
  }
  if (values.has_null) null_.remove(ordinal);
  if (values.elements > 0) elements_.remove(ordinal);
  if (values.elements > 1) several_.remove(ordinal);
  if (values.has_other) other_.remove(ordinal);
}

void FieldIndex::add_texts(std::uint32_t ordinal, const FieldValues& values) {
  for (const std::string& text : values.texts) {
    const std::uint32_t number = dictionary_.insert(text);
    if (number == postings_.size()) postings_.emplace_back();
    postings_[number].add(ordinal);
  }
}

void FieldIndex::count_tokens(std::uint32_t ordinal, const FieldValues& values) {
  std::vector<TokenCount> counts;
  counts.reserve(values.texts.size());
  for (std::size_t i = 0; i < values.texts.size(); ++i) counts.push_back({dictionary_.find(values.texts[i]), values.counts[i]});
  std::ranges::sort(counts, {}, &TokenCount::token);
  tokens_.set(ordinal, counts);
}

void FieldIndex::add(std::vector<Row> rows) {
  std::vector<SortedColumn::Pair> pairs;
  for (const Row& row : rows) {
    add_sets(row.ordinal, row.values);
    add_texts(row.ordinal, row.values);
    if (schema_.type == FieldType::kText && schema_.text.scoring) count_tokens(row.ordinal, row.values);
    for (const std::uint64_t key : row.values.keys) pairs.push_back({key, row.ordinal});
  }
  if (!pairs.empty()) column_.add(std::move(pairs));
}

void FieldIndex::replace(std::uint32_t ordinal, const FieldValues& before, FieldValues after) {
  if (before == after) return;
  remove_sets(ordinal, before);
  for (const std::string& text : before.texts) {
    const std::uint32_t number = dictionary_.find(text);
    if (number != ValueDictionary::kNone) postings_[number].remove(ordinal);
  }
  for (const std::uint64_t key : before.keys) column_.remove({key, ordinal});
  std::vector<Row> rows;
  rows.push_back({ordinal, std::move(after)});
  add(std::move(rows));
}

void FieldIndex::bury(std::uint32_t ordinal) {
  if (present_.contains(ordinal)) --points_;
  tokens_.bury(ordinal);
}

std::size_t FieldIndex::memory_bytes() const {
  std::size_t bytes = sizeof(FieldIndex) + dictionary_.memory_bytes() + column_.memory_bytes() + tokens_.memory_bytes();
  for (const RowSet* rows : {&present_, &null_, &elements_, &several_, &other_}) bytes += rows->memory_bytes();
  bytes += postings_.capacity() * sizeof(RowSet);
  for (const RowSet& rows : postings_) bytes += rows.memory_bytes();
  return bytes;
}

}  // namespace orthant
