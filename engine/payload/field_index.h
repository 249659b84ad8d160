#pragma once
// FieldIndex: from the values of one payload field to the rows that hold them, in memory: postings of strings, booleans and tokens,
// sorted columns of numbers, times and places, and for every field the sets of rows that have a value, a null, several elements.
// Rebuilt from the store at every start; memory is a few bytes a row and value. Private to engine/payload, used through
// FieldIndexes (field_indexes.h), which keeps writers and readers apart: any number of readers, or one writer.
//
// Answers are bounds (row_bounds.h): exact for most conditions, a superset where the index cannot tell (a text condition on a row
// with several texts, a place on the border of an area, elements of another type than the index's). Buried rows stay in: callers
// mask them, and the next reclaim leaves them out.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/payload/field_values.h"
#include "engine/payload/filter.h"
#include "engine/payload/row_bounds.h"
#include "engine/payload/row_set.h"
#include "engine/payload/sorted_column.h"
#include "engine/payload/text_scores.h"
#include "engine/payload/token_counts.h"
#include "engine/payload/value_dictionary.h"

namespace orthant {

using FieldTest = decltype(FieldCondition::test);

class FieldIndex {
 public:
  FieldIndex(JsonPath path, FieldSchema schema) : schema_(schema), reader_(std::move(path), schema) {}

  const FieldSchema& schema() const { return schema_; }
  const FieldReader& reader() const { return reader_; }

  // ---- writer ----
  struct Row {
    std::uint32_t ordinal = 0;
    FieldValues values;
  };
  // Rows that the index does not hold yet.
  void add(std::vector<Row> rows);
  // `before` as it was added.
  void replace(std::uint32_t ordinal, const FieldValues& before, FieldValues after);
  // Once a row.
  void bury(std::uint32_t ordinal);

  // ---- readers ----
  // Live rows that have the field.
  std::uint64_t points() const { return points_; }
  // Over the rows [0, rows). Always something: at worst that rows without the field do not match.
  RowBounds bounds(const FieldTest& test, std::size_t rows) const;
  // Rows that may match, never fewer than do (buried ones counted); nothing where counting would be as dear as bounds(), or says
  // nothing.
  std::optional<std::uint64_t> estimate(const FieldTest& test) const;
  // Calls visit(value, rows) for each string or boolean of kKeyword, kUuid and kBool that occurs.
  template <typename Visit>
  void visit_postings(Visit&& visit) const {
    for (std::uint32_t i = 0; i < postings_.size(); ++i) {
      if (postings_[i].count() > 0) visit(dictionary_.text(i), postings_[i]);
    }
  }
  // Of kInteger, kFloat and kDatetime. Null for other types.
  const SortedColumn* column() const;
  // Of kText that scores: at most `limit` of the rows `wanted` that hold a token of the text, best first, equal scores by ascending
  // ordinal.
  std::vector<ScoredRow> score(const TextScoring& scoring, std::size_t limit, const Bitmap& wanted) const;
  // Rows for which the postings or the column may not hold all elements, or that have several.
  const RowSet& other_rows() const { return other_; }
  std::size_t memory_bytes() const;

 private:
  friend class FieldAnswer;
  void add_sets(std::uint32_t ordinal, const FieldValues& values);
  void remove_sets(std::uint32_t ordinal, const FieldValues& values);
  void add_texts(std::uint32_t ordinal, const FieldValues& values);
  void count_tokens(std::uint32_t ordinal, const FieldValues& values);
  const RowSet* posting(std::string_view text) const;
  bool has_postings() const;

  FieldSchema schema_;
  FieldReader reader_;
  RowSet present_;   // has something other than null and []
  RowSet null_;      // has a null
  RowSet elements_;  // has elements other than null
  RowSet several_;   // has more than one of them
  RowSet other_;     // FieldValues::has_other
  std::uint64_t points_ = 0;
  ValueDictionary dictionary_;
  std::vector<RowSet> postings_;  // by the dictionary's numbers
  SortedColumn column_;
  TokenCounts tokens_;  // of kText that scores
};

}  // namespace orthant
