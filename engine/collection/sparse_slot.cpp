#include "engine/collection/sparse_slot.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "base/float_values.h"
#include "base/log.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

// Stored rows that are entered at once.
constexpr Ordinal kFillRows = 16'384;

// The vectors of some rows, one behind the other.
struct SparseRows final : SlotRows {
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  std::vector<std::size_t> ends;  // one a row
  std::vector<bool> present;

  void add_absent() {
    ends.push_back(indices.size());
    present.push_back(false);
  }
  void add(const SparseVector& vector) {
    indices.insert(indices.end(), vector.indices.begin(), vector.indices.end());
    values.insert(values.end(), vector.values.begin(), vector.values.end());
    ends.push_back(indices.size());
    present.push_back(true);
  }
  std::vector<SparseRow> rows() const {
    std::vector<SparseRow> rows;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::size_t count = ends[i] - begin;
      rows.push_back({std::span(indices).subspan(begin, count), std::span(values).subspan(begin, count), present[i]});
      begin = ends[i];
    }
    return rows;
  }
};

bool is_sorted_and_unique(std::span<const std::uint32_t> indices) {
  return std::ranges::adjacent_find(indices, std::greater_equal<>()) == indices.end();
}

const SparseVector& sparse_in(const VectorValue& value) {
  return std::get<SparseVector>(value);
}

}  // namespace

Status SparseSlot::fill(Ordinal row_count, const std::function<bool(Ordinal)>& left_out, ThreadPool* pool) {
  for (Ordinal first = 0; first < row_count; first += std::min(kFillRows, row_count - first)) {
    const Ordinal end = first + std::min(kFillRows, row_count - first);
    SparseRows rows;
    Status read;
    ORTHANT_TRY(table_.scan_vectors(slot_, first, end, [&](Ordinal ordinal, std::string_view bytes) {
      if (left_out(ordinal)) return true;
      while (first + rows.ends.size() < ordinal) rows.add_absent();
      const Result<SparseVector> vector = sparse_of(bytes);
      if (vector) {
        rows.add(*vector);
      } else {
        read = with_context(fmt::format("table {}, vector {}, row {}", table_.number(), slot_, ordinal), vector.error());
      }
      return read.has_value();
    }));
    ORTHANT_TRY(std::move(read));
    while (first + rows.ends.size() < end) rows.add_absent();
    index_.append(rows.rows(), pool);
  }
  return {};
}

Result<std::string> SparseSlot::prepare(const VectorValue& value) const {
  ORTHANT_TRY(check_query(value));
  return stored_bytes(sparse_in(value));
}

Result<std::shared_ptr<const SlotRows>> SparseSlot::encode(std::span<const std::string_view> rows) const {
  auto encoded = std::make_shared<SparseRows>();
  for (const std::string_view row : rows) {
    if (row.empty()) {
      encoded->add_absent();
    } else {
      encoded->add(ORTHANT_TRY(sparse_of(row)));
    }
  }
  return encoded;
}

Status SparseSlot::append(const SlotRows& rows) {
  index_.append(static_cast<const SparseRows&>(rows).rows());
  return {};
}

// Counts of documents want the row's indices, which the store still has.
void SparseSlot::bury(Ordinal ordinal) {
  if (!index_.has(ordinal) || index_.is_buried(ordinal)) return;
  SparseVector vector;
  if (config_.modifier == SparseModifier::kIdf) {
    Status read = table_.read_vectors(slot_, {&ordinal, 1}, [&](std::size_t, std::string_view bytes) -> Status {
      vector = ORTHANT_TRY(sparse_of(bytes));
      return {};
    });
    if (!read) log_warning(fmt::format("table {}, vector {}: {}", table_.number(), slot_, read.error().message));
  }
  index_.bury(ordinal, vector.indices);
}

Status SparseSlot::check_query(const VectorValue& query) const {
  const auto* vector = std::get_if<SparseVector>(&query);
  if (vector == nullptr) return invalid_argument("Conversion between sparse and regular vectors failed");
  if (vector->indices.size() != vector->values.size()) {
    return invalid_argument(fmt::format("sparse vector: {} indices and {} values", vector->indices.size(), vector->values.size()));
  }
  if (!is_sorted_and_unique(vector->indices)) return invalid_argument("sparse vector: indices are not ascending and unique");
  if (!all_finite(vector->values)) {
    return invalid_argument("sparse vector: holds a value that is not finite");
  }
  return {};
}

std::vector<float> SparseSlot::weights_of(const SparseVector& query, const Bitmap* corpus) const {
  if (config_.modifier == SparseModifier::kNone) return query.values;
  return index_.times_idf({query.indices, query.values}, corpus);
}

Result<std::vector<ScoredOrdinal>> SparseSlot::search(const VectorValue& query, const SearchParams& params,
                                                      SearchTrace* trace) const {
  const auto begin = std::chrono::steady_clock::now();
  const SparseVector& vector = sparse_in(query);
  const std::vector<float> weights = weights_of(vector);
  std::vector<ScoredOrdinal> found = index_.search({vector.indices, weights}, params);
  if (trace != nullptr) {
    const double microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    trace->stages.push_back({.name = "inverted index",
                             .candidates_in = index_.live_count(),
                             .candidates_out = found.size(),
                             .microseconds = microseconds});
    trace->plan.reason = "a sparse vector: its inverted index is exact";
    trace->plan.row_count = index_.row_count();
  }
  return found;
}

Result<std::vector<ScoredOrdinal>> SparseSlot::search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                               const SearchParams& params) const {
  return search_by_examples(examples, score, params, nullptr);
}

Result<std::vector<ScoredOrdinal>> SparseSlot::search_in_corpus(const VectorValue& query, const SearchParams& params,
                                                                const Bitmap& corpus) const {
  const SparseVector& vector = sparse_in(query);
  return index_.search({vector.indices, weights_of(vector, &corpus)}, params);
}

Result<std::vector<ScoredOrdinal>> SparseSlot::search_examples_in_corpus(std::span<const VectorValue> examples,
                                                                         const ExampleScore& score, const SearchParams& params,
                                                                         const Bitmap& corpus) const {
  return search_by_examples(examples, score, params, &corpus);
}

std::vector<ScoredOrdinal> SparseSlot::search_by_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                          const SearchParams& params, const Bitmap* corpus) const {
  std::vector<std::vector<float>> weights;
  std::vector<SparseRow> rows;
  for (const VectorValue& example : examples) weights.push_back(weights_of(sparse_in(example), corpus));
  for (std::size_t i = 0; i < examples.size(); ++i) rows.push_back({sparse_in(examples[i]).indices, weights[i]});
  return index_.search_examples(rows, score, params);
}

IndexStatistics SparseSlot::statistics() const {
  IndexStatistics statistics;
  statistics.memory.structure_bytes = index_.memory_bytes();
  statistics.structure = "inverted";
  statistics.structure_rows = index_.row_count();
  return statistics;
}

}  // namespace orthant
