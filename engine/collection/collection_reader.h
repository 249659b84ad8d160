#pragma once
// CollectionReader: one moment of a collection, held for all stages of a query: the ordinals that one stage finds are good in the
// next. A light handle that keeps the table (view) it began on alive; any thread, const throughout. What is written meanwhile may
// be seen (new rows, burials), never other ordinals.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bitmap.h"
#include "base/result.h"
#include "engine/collection/collection.h"
#include "engine/collection/row_filter.h"
#include "engine/payload/field_listing.h"
#include "engine/vector_value.h"
#include "index/example_score.h"

namespace orthant {

// A point as formulas and groups read it.
struct StoredPoint {
  PointId id;
  std::string_view payload;
  std::function<bool(std::string_view vector_name)> has_vector;
};

class CollectionReader {
 public:
  const std::string& collection_name() const;
  Result<VectorConfig> vector_config(std::string_view vector_name) const;

  // ---- sets of rows ----
  // Live rows that match; null for no filter or an empty one.
  Result<std::shared_ptr<const AllowedRows>> allowed_rows(const Filter* filter) const;
  // All live rows.
  Bitmap live_rows() const;
  // kNoOrdinal where an id is unknown.
  Result<std::vector<Ordinal>> find(std::span<const PointId> ids) const;
  // The rows of matching points by ascending id.
  Result<std::vector<Ordinal>> rows_by_id(const Filter* filter, std::size_t limit) const;

  // ---- ranking ----
  // `corpus`: of a sparse vector with the modifier idf, the rows that are counted; null: all. As SlotIndex has them.
  // invalid_argument for unknown names, and vectors of another kind, size, or with NaN.
  Result<std::vector<ScoredOrdinal>> search(std::string_view vector_name, const VectorValue& vector, SearchParams params,
                                            const Bitmap* corpus = nullptr) const;
  Result<std::vector<ScoredOrdinal>> search_examples(std::string_view vector_name, std::span<const VectorValue> examples,
                                                     const ExampleScore& score, SearchParams params,
                                                     const Bitmap* corpus = nullptr) const;
  // failed_precondition when the field has no index for it.
  Result<std::vector<OrderedRow>> ordered(const OrderBy& order, std::size_t limit, const Bitmap& rows) const;
  // By BM25 over a text index that scores. invalid_argument when the field has none.
  Result<std::vector<ScoredOrdinal>> scored_texts(const std::string& field, const TextScoring& scoring, std::size_t limit,
                                                  const Bitmap& rows) const;
  Result<std::vector<FacetHit>> facet(const std::string& key, const Bitmap& rows) const;

  // ---- contents ----
  // Nothing for rows without the vector.
  Result<std::vector<std::optional<VectorValue>>> vectors(std::string_view vector_name, std::span<const Ordinal> ordinals) const;
  // In the order of `ordinals`.
  Status visit_points(std::span<const Ordinal> ordinals,
                      const std::function<Status(std::size_t i, const StoredPoint& point)>& visit) const;
  Result<std::vector<Record>> records(std::span<const Ordinal> ordinals, const PayloadSelector& payload,
                                      const VectorSelector& vectors) const;
  // Options of text fields, for conditions in formulas.
  TextFields text_fields() const;

 private:
  friend class Collection;
  Result<std::shared_ptr<SlotIndex>> slot(std::string_view vector_name) const;
  SearchParams bounded(SearchParams params) const;
  CollectionReader(std::shared_ptr<Collection::Impl> impl, std::shared_ptr<TableView> view);

  std::shared_ptr<Collection::Impl> impl_;
  std::shared_ptr<TableView> view_;
};

}  // namespace orthant
