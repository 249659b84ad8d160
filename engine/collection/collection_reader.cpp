#include "engine/collection/collection_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/collection/collection_impl.h"
#include "engine/collection/stage_timer.h"

namespace orthant {
namespace {

// Rows whose records are read at once.
constexpr std::size_t kReadRows = 256;

std::unexpected<Error> index_required(std::string_view key, std::string_view types) {
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("Index required but not found for \"{}\" of one of the following types: [{}]. Help: Create an index for "
                          "this key or use a different one.",
                          key, types));
}

}  // namespace

Result<CollectionReader> Collection::reader() const {
  return CollectionReader(impl_, ORTHANT_TRY(impl_->view()));
}

CollectionReader::CollectionReader(std::shared_ptr<Collection::Impl> impl, std::shared_ptr<TableView> view)
    : impl_(std::move(impl)), view_(std::move(view)) {}

const std::string& CollectionReader::collection_name() const {
  return impl_->name;
}

Result<std::shared_ptr<SlotIndex>> CollectionReader::slot(std::string_view vector_name) const {
  std::shared_ptr<SlotIndex> index = view_->slot(ORTHANT_TRY(view_->slot_of(vector_name)));
  if (!index) return invalid_argument(fmt::format("Not existing vector name error: {}", vector_name));
  return index;
}

Result<VectorConfig> CollectionReader::vector_config(std::string_view vector_name) const {
  return ORTHANT_TRY(slot(vector_name))->config();
}

Result<std::shared_ptr<const AllowedRows>> CollectionReader::allowed_rows(const Filter* filter) const {
  return impl_->allowed_rows(*view_, filter);
}

Bitmap CollectionReader::live_rows() const {
  Bitmap rows(view_->row_count(), true);
  view_->keep_live(rows);
  return rows;
}

Result<std::vector<Ordinal>> CollectionReader::find(std::span<const PointId> ids) const {
  return view_->table().find(ids);
}

Result<std::vector<Ordinal>> CollectionReader::rows_by_id(const Filter* filter, std::size_t limit) const {
  return ORTHANT_TRY(impl_->rows_by_id(*view_, {.filter = filter, .limit = limit})).ordinals;
}

Result<std::vector<ScoredOrdinal>> CollectionReader::search(std::string_view vector_name, const VectorValue& vector,
                                                            SearchParams params, const Bitmap* corpus) const {
  const std::shared_ptr<SlotIndex> index = ORTHANT_TRY(slot(vector_name));
  ORTHANT_TRY(index->check_query(vector));
  StageTimer timer(TimedStage::kSearch);
  auto found =
      corpus != nullptr ? index->search_in_corpus(vector, bounded(params), *corpus) : index->search(vector, bounded(params));
  timer.stop();
  return found;
}

Result<std::vector<ScoredOrdinal>> CollectionReader::search_examples(std::string_view vector_name,
                                                                     std::span<const VectorValue> examples,
                                                                     const ExampleScore& score, SearchParams params,
                                                                     const Bitmap* corpus) const {
  const std::shared_ptr<SlotIndex> index = ORTHANT_TRY(slot(vector_name));
  for (const VectorValue& example : examples) ORTHANT_TRY(index->check_query(example));
  if (corpus != nullptr) return index->search_examples_in_corpus(examples, score, bounded(params), *corpus);
  return index->search_examples(examples, score, bounded(params));
}

// No search gives more rows than there are.
SearchParams CollectionReader::bounded(SearchParams params) const {
  params.limit = std::min<std::size_t>(params.limit, view_->row_count());
  params.helpers = &impl_->environment.search_pool;
  return params;
}

Result<std::vector<OrderedRow>> CollectionReader::ordered(const OrderBy& order, std::size_t limit, const Bitmap& rows) const {
  const JsonPath path = ORTHANT_TRY(JsonPath::parse(order.key));
  auto found = view_->fields().ordered(path, order, limit, rows);
  if (!found) return index_required(order.key, "integer, float, datetime");
  return std::move(*found);
}

Result<std::vector<ScoredOrdinal>> CollectionReader::scored_texts(const std::string& field, const TextScoring& scoring,
                                                                  std::size_t limit, const Bitmap& rows) const {
  std::vector<ScoredOrdinal> found;
  for (const ScoredRow& row : ORTHANT_TRY(view_->fields().scored(field, scoring, limit, rows)))
    found.push_back({row.ordinal, row.score});
  return found;
}

Result<std::vector<FacetHit>> CollectionReader::facet(const std::string& key, const Bitmap& rows) const {
  const JsonPath path = ORTHANT_TRY(JsonPath::parse(key));
  auto found = view_->fields().facet(path, rows);
  if (!found) return index_required(key, "keyword, integer, uuid, bool");
  return std::move(*found);
}

Result<std::vector<std::optional<VectorValue>>> CollectionReader::vectors(std::string_view vector_name,
                                                                          std::span<const Ordinal> ordinals) const {
  ORTHANT_TRY(slot(vector_name));
  std::vector<std::optional<VectorValue>> found(ordinals.size());
  std::vector<Record> records =
      ORTHANT_TRY(impl_->load_records(*view_, ordinals, {}, {.enabled = true, .names = {std::string(vector_name)}}));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i].vectors->empty()) found[i] = std::move(records[i].vectors->front().second);
  }
  return found;
}

Status CollectionReader::visit_points(std::span<const Ordinal> ordinals,
                                      const std::function<Status(std::size_t i, const StoredPoint& point)>& visit) const {
  const std::shared_ptr<const SlotNames> names = view_->slot_names();
  for (std::size_t first = 0; first < ordinals.size(); first += kReadRows) {
    const auto part = ordinals.subspan(first, std::min(kReadRows, ordinals.size() - first));
    const std::vector<PointRecord> records = ORTHANT_TRY(view_->table().read_points(part));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto has_vector = [&](std::string_view name) {
        const std::optional<Slot> slot = names->find(name);
        return slot && std::ranges::find(records[i].slots, *slot) != records[i].slots.end();
      };
      ORTHANT_TRY(visit(first + i, {records[i].id, records[i].payload, has_vector}));
    }
  }
  return {};
}

Result<std::vector<Record>> CollectionReader::records(std::span<const Ordinal> ordinals, const PayloadSelector& payload,
                                                      const VectorSelector& vectors) const {
  StageTimer timer(TimedStage::kRecords);
  auto found = impl_->load_records(*view_, ordinals, payload, vectors);
  timer.stop();
  return found;
}

TextFields CollectionReader::text_fields() const {
  return view_->fields().fields()->text;
}

}  // namespace orthant
