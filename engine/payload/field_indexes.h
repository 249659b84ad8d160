#pragma once
// FieldIndexes: the field indexes of one table and the lock between its writer and its readers. Owns the indexes.
//
// Threads. One writer (the collection's strand): read(), apply(), bury(), install(), remove(). Readers, any number: the rest. Both
// sides hold the lock for moments only: the writer reads payloads before it takes it and enters rows in slices of a hundred, some
// tenths of a millisecond each; a reader holds it while it makes the bitmaps of one filter, never while it reads the store. The
// lock is fair, so neither side starves the other.
//
// What a reader may count on. Rows are entered before the table publishes them, and readers look at published rows only. An edited
// payload is entered after the store has it, in all fields at once: until then a filter takes the row for what it was. Rows that
// are undecided are asked in the store for the whole filter, so every row is judged by one state of its payload.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/payload/field_listing.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"
#include "engine/payload/row_bounds.h"
#include "engine/payload/text_scores.h"

namespace orthant {

class FieldIndex;
struct FieldValues;

// What rows hold in all indexed fields, read from their payloads; [field] as in the moment of reading.
struct RowFields {
  std::uint32_t ordinal = 0;
  std::vector<FieldValues> values;
  RowFields(std::uint32_t row, std::vector<FieldValues> fields);
  RowFields(RowFields&&) noexcept;
  RowFields& operator=(RowFields&&) noexcept;
  ~RowFields();
};
struct FieldChanges {
  std::vector<RowFields> added;
  std::vector<std::pair<RowFields, RowFields>> edited;  // before and after
};

// The live rows of some points. Points that are not there are left out.
using IdOrdinals = std::unordered_map<PointId, std::uint32_t>;

class FieldIndexes {
 public:
  // The fields at one moment, as readers hold them. Immutable but for the contents of the indexes.
  struct Fields {
    std::vector<std::shared_ptr<FieldIndex>> indexes;
    TextFields text;
    bool empty() const { return indexes.empty(); }
  };

  FieldIndexes();
  ~FieldIndexes();
  FieldIndexes(const FieldIndexes&) = delete;
  FieldIndexes& operator=(const FieldIndexes&) = delete;

  // ---- readers ----
  std::shared_ptr<const Fields> fields() const;
  // Bounds of the rows [0, rows) that match, buried ones included. `ids`: the rows of all points that the filter names, or null.
  RowBounds bounds(const Fields& fields, const Filter& filter, std::size_t rows, const IdOrdinals* ids = nullptr) const;
  // By the path that the index was made with.
  std::map<std::string, FieldIndexInfo> info() const;
  // At most `limit` of the rows `wanted` in the order of the field's values, equal ones in the order of their ordinals (descending
  // too, where the values are). Nothing when the field has no index of type integer, float or datetime. field_listing.cpp
  std::optional<std::vector<OrderedRow>> ordered(const JsonPath& path, const OrderBy& order, std::size_t limit,
                                                 const Bitmap& wanted) const;
  // How many of `rows` hold each value, in no order. Nothing when the field has no index of type keyword, integer, uuid or bool.
  std::optional<std::vector<FacetHit>> facet(const JsonPath& path, const Bitmap& rows) const;
  // At most `limit` of `rows` by what their text in the field scores. invalid_argument when the field has no text index, or one
  // that does not score. text_scores.cpp
  Result<std::vector<ScoredRow>> scored(const std::string& field, const TextScoring& scoring, std::size_t limit,
                                        const Bitmap& rows) const;

  // ---- writer ----
  FieldSchemas schemas() const;
  RowFields read(std::uint32_t ordinal, std::string_view payload) const;
  void apply(FieldChanges changes);
  // Once a row.
  void bury(std::span<const std::uint32_t> ordinals);

  // An index on its way: filled by its maker alone, then handed over.
  class Builder {
   public:
    // invalid_argument when a path is no JSON path.
    static Result<Builder> make(const FieldSchemas& schemas);
    Builder(Builder&&) noexcept;
    Builder& operator=(Builder&&) noexcept;
    ~Builder();
    // Any thread.
    RowFields read(std::uint32_t ordinal, std::string_view payload) const;
    // One thread at a time.
    void add(std::vector<RowFields> rows);
    void replace(RowFields before, RowFields after);
    void bury(std::uint32_t ordinal);

   private:
    friend class FieldIndexes;
    Builder() = default;
    std::vector<std::pair<std::string, std::shared_ptr<FieldIndex>>> indexes_;
  };
  // Takes the place of indexes with the same paths.
  void install(Builder builder);
  void remove(std::string_view path);

 private:
  using Named = std::vector<std::pair<std::string, std::shared_ptr<FieldIndex>>>;
  // Those of the path, of any type. While it is used the contents are locked.
  std::vector<std::shared_ptr<FieldIndex>> indexes_of(const JsonPath& path) const;
  std::shared_lock<std::shared_mutex> lock_contents() const;
  void publish();
  // enter(begin, end) over [0, count), each time under the lock.
  template <typename Enter>
  void in_slices(std::size_t count, std::size_t slice, const Enter& enter);

  Named named_;  // writer
  mutable std::mutex fields_mutex_;
  std::shared_ptr<const Fields> fields_;  // guarded by fields_mutex_, held for a copy of the pointer
  // The contents of the indexes. Whoever wants it passes through turn_ first: a waiting writer holds back later readers.
  mutable std::mutex turn_;
  mutable std::shared_mutex contents_;
};

}  // namespace orthant
