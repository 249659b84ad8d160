#pragma once
// What the columns of an Arrow or Parquet body are for: chosen once a body, from what the request says and what the columns can be.
// Plain values; free functions, any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_config.h"
#include "engine/vector_input.h"

namespace orthant::bulk {

// What a column of a body can serve as.
enum class ColumnShape : std::uint8_t {
  kOther,
  kNumbers,  // a list of numbers
  kLists,    // a list of lists of numbers
  kSparse,   // a struct with the lists `indices` (integers) and `values` (numbers)
};
struct ColumnFacts {
  std::string name;
  std::string problem{};  // why it cannot be payload; empty: it can
  ColumnShape shape = ColumnShape::kOther;
  bool is_id = false;        // integers or texts
  bool is_text = false;      // one text a row
  bool is_integers = false;  // of kNumbers: whole ones
};

// A vector of the collection.
struct VectorTarget {
  VectorKind kind = VectorKind::kDense;
  VectorForm form = VectorForm::kFloat32;
};

// Which column is what, as the request says. Names that are empty or absent are chosen: "id" or "_id"; columns named as vectors of
// the collection; a column "vector" or "embedding" for `target_vector`; "text" (with "title" before it) where no column is for
// `target_vector`; without that the only column of lists of floats.
struct ColumnMapping {
  std::string target_vector;  // that texts, and a column "vector", go to
  std::string model;          // for texts; empty: the collection's
  std::string id;
  std::string text;
  std::map<std::string, std::string> vectors;    // column -> vector
  std::optional<std::set<std::string>> payload;  // nothing: all other columns
  std::map<std::string, VectorTarget> targets;   // the collection's vectors, by name
};

struct ChosenVector {
  std::size_t column = 0;
  std::string vector;
  VectorTarget target;
};
// Places of columns.
struct ChosenColumns {
  std::size_t id = 0;
  std::optional<std::size_t> text;
  std::optional<std::size_t> title;
  std::vector<ChosenVector> vectors;
  std::vector<std::size_t> payload;
};

// invalid_argument names the parameter or the column, and what is wrong with it.
Result<ChosenColumns> choose_columns(const ColumnMapping& mapping, std::span<const ColumnFacts> columns);

// The numbers that a column holds for one row's vector.
struct RowNumbers {
  std::vector<float> floats;
  std::vector<std::int64_t> integers;  // in place of floats: ready codes; beside them: indices
  std::vector<std::uint32_t> lengths;  // of the inner lists of kLists
};
// As the vector that `target` takes. invalid_argument where they make none; dimensions are the collection's to check.
Result<VectorInput> vector_of(VectorTarget target, RowNumbers numbers);
// In memory, about.
std::size_t bytes_of(const VectorInput& vector);

}  // namespace orthant::bulk
