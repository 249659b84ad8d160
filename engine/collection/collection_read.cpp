// What readers ask of a collection. Runs on the callers' threads; each request works on the view that was current when it began.

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/collection/collection_impl.h"
#include "engine/collection/stage_timer.h"
#include "engine/collection/stored_value.h"
#include "engine/payload/payload.h"

namespace orthant {
namespace {

// Points whose records are read at once while a filtered scroll looks for matches.
constexpr std::size_t kScrollChunk = 256;
// So many possible rows are looked up singly instead of passing over all points in the order of their ids.
constexpr std::size_t kFewRows = 1000;

using IdOrdinal = std::pair<PointId, Ordinal>;

// Passes over `offset` matches, takes `limit`, then notes where the next page begins.
class PageCollector {
 public:
  PageCollector(std::size_t offset, std::size_t limit) : to_skip_(offset), limit_(limit) {}

  // False once the page and its successor are known.
  bool take(const PointId& id, Ordinal ordinal) {
    if (to_skip_ > 0) {
      --to_skip_;
      return true;
    }
    if (ordinals_.size() == limit_) {
      next_ = id;
      return false;
    }
    ordinals_.push_back(ordinal);
    return true;
  }

  const std::vector<Ordinal>& ordinals() const { return ordinals_; }
  const std::optional<PointId>& next() const { return next_; }

 private:
  std::size_t to_skip_;
  const std::size_t limit_;
  std::vector<Ordinal> ordinals_;
  std::optional<PointId> next_;
};

// Gives the matching points of `chunk` to the collector; false when it has enough.
Result<bool> take_matching(const StoredTable& table, const RowFilter& filter, std::vector<IdOrdinal>& chunk,
                           PageCollector& collector) {
  std::vector<Ordinal> ordinals;
  for (const auto& [id, ordinal] : chunk) ordinals.push_back(ordinal);
  const std::vector<PointRecord> records = ORTHANT_TRY(table.read_points(ordinals));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (filter.matches(records[i]) && !collector.take(chunk[i].first, chunk[i].second)) return false;
  }
  chunk.clear();
  return true;
}

Status scroll_all(const StoredTable& table, const std::optional<PointId>& from, PageCollector& collector) {
  return table.scan_ids(from, [&](const PointId& id, Ordinal ordinal) { return collector.take(id, ordinal); });
}

Status scroll_ids(const StoredTable& table, const RowFilter& filter, std::vector<PointId> ids, const std::optional<PointId>& from,
                  PageCollector& collector) {
  if (from) std::erase_if(ids, [&](const PointId& id) { return id < *from; });
  const std::vector<Ordinal> ordinals = ORTHANT_TRY(table.find(ids));
  std::vector<IdOrdinal> existing;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ordinals[i] != kNoOrdinal) existing.emplace_back(ids[i], ordinals[i]);
  }
  ORTHANT_TRY(take_matching(table, filter, existing, collector));
  return {};
}

// Ids of the rows, ascending, each once.
Result<std::vector<PointId>> ids_of(const StoredTable& table, const Bitmap& rows) {
  std::vector<Ordinal> ordinals;
  rows.for_each([&](std::size_t row) { ordinals.push_back(static_cast<Ordinal>(row)); });
  std::vector<PointId> ids;
  for (const PointRecord& record : ORTHANT_TRY(table.read_points(ordinals))) ids.push_back(record.id);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

// Passes over the points by id. Indexes decide most of them (`bounds`, with buried rows taken out); the others are read, and with
// them the points whose rows are newer than the bounds.
Status scroll_filtered(const StoredTable& table, const RowFilter& filter, const RowBounds& bounds,
                       const std::optional<PointId>& from, PageCollector& collector) {
  std::vector<IdOrdinal> chunk;
  Result<bool> more = true;
  ORTHANT_TRY(table.scan_ids(from, [&](const PointId& id, Ordinal ordinal) {
    if (ordinal < bounds.rows() && !bounds.possible.test(ordinal)) return true;
    // A row that needs no reading waits behind those that do, so that the order stays.
    if (chunk.empty() && bounds.certain_rows().test(ordinal)) return collector.take(id, ordinal);
    chunk.emplace_back(id, ordinal);
    if (chunk.size() == kScrollChunk) more = take_matching(table, filter, chunk, collector);
    return more && *more;
  }));
  if (ORTHANT_TRY(std::move(more)) && !chunk.empty()) ORTHANT_TRY(take_matching(table, filter, chunk, collector));
  return {};
}

Status scroll_by_filter(const TableView& view, const Filter& filter, const std::optional<PointId>& from, PageCollector& collector) {
  const auto fields = view.fields().fields();
  const std::shared_ptr<const SlotNames> slot_names = view.slot_names();
  const RowFilter row_filter = ORTHANT_TRY(RowFilter::compile(filter, *slot_names, fields->text));
  if (auto ids = only_possible_ids(filter)) return scroll_ids(view.table(), row_filter, std::move(*ids), from, collector);
  const RowBounds bounds = ORTHANT_TRY(bounds_of(view, *fields, filter));
  if (bounds.possible.count() > kFewRows) return scroll_filtered(view.table(), row_filter, bounds, from, collector);
  return scroll_ids(view.table(), row_filter, ORTHANT_TRY(ids_of(view.table(), bounds.possible)), from, collector);
}

// A point replaced while the search ran may be there twice: its newer row stays.
void keep_newest_of_equal_ids(std::vector<ScoredPoint>& points) {
  std::unordered_map<PointId, std::uint64_t> versions;
  for (const ScoredPoint& point : points) {
    std::uint64_t& version = versions[point.record.id];
    version = std::max(version, point.record.version);
  }
  if (versions.size() == points.size()) return;
  std::erase_if(points, [&](const ScoredPoint& point) { return versions[point.record.id] != point.record.version; });
}

}  // namespace

// The time is that of the answer, without what the explanation itself takes.
Result<std::shared_ptr<const AllowedRows>> Collection::Impl::allowed_rows(const TableView& current, const Filter* filter,
                                                                          std::optional<FilterTrace>* trace) const {
  if (filter == nullptr || is_empty(*filter)) return std::shared_ptr<const AllowedRows>();
  if (trace != nullptr) trace->emplace();
  StageTimer timer(TimedStage::kFilter);
  unindexed_fields.note(*filter, *current.fields().fields());
  auto rows = ORTHANT_TRY(find_rows(current, *filter, trace == nullptr ? nullptr : &**trace));
  const double microseconds = timer.stop();
  if (trace == nullptr) return rows;
  FilterTrace& told = **trace;
  told.microseconds = microseconds;
  told.allowed_rows = rows->count;
  told.live_rows = current.live_count();
  told.conditions = ORTHANT_TRY(trace_conditions(current, *filter));
  return rows;
}

Result<std::shared_ptr<const AllowedRows>> Collection::Impl::find_rows(const TableView& current, const Filter& filter,
                                                                       FilterTrace* trace) const {
  const std::uint64_t evaluated_at = version.load(std::memory_order_acquire);
  std::string key = fmt::format("{}:{}", current.table().number(), canonical_key(filter));
  if (auto rows = filter_cache.find(key, evaluated_at)) {
    if (trace != nullptr) trace->source = FilterSource::kCache;
    return rows;
  }
  auto allowed = std::make_shared<AllowedRows>();
  allowed->rows = ORTHANT_TRY(matching_rows(current, filter, &environment.search_pool, trace));
  allowed->count = allowed->rows.count();
  filter_cache.insert(std::move(key), evaluated_at, allowed);
  return std::shared_ptr<const AllowedRows>(std::move(allowed));
}

Result<std::vector<Record>> Collection::Impl::load_records(const TableView& current, std::span<const Ordinal> ordinals,
                                                           const PayloadSelector& payload, const VectorSelector& vectors) const {
  const std::shared_ptr<const SlotNames> names = current.slot_names();
  for (const std::string& wanted : vectors.names) {
    if (!names->find(wanted)) return invalid_argument(fmt::format("Not existing vector name error: {}", wanted));
  }
  std::vector<PointRecord> stored = ORTHANT_TRY(current.table().read_points(ordinals));
  std::optional<PayloadProjection> projection;
  if (payload.enabled && !(payload.include.empty() && payload.exclude.empty())) {
    projection.emplace(ORTHANT_TRY(PayloadProjection::make(payload.include, payload.exclude)));
  }
  std::vector<Record> records(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    records[i].id = stored[i].id;
    records[i].version = stored[i].operation_id;
    if (projection) {
      records[i].payload = ORTHANT_TRY(projection->apply(stored[i].payload));
    } else if (payload.enabled) {
      records[i].payload = std::move(stored[i].payload);
      for (SourceText& source : stored[i].sources) {
        if (names->has(source.slot)) records[i].texts.emplace_back((*names)[source.slot], std::move(source.text));
      }
    }
    if (vectors.enabled) records[i].vectors.emplace();
  }
  for (Slot slot = 0; vectors.enabled && slot < names->size(); ++slot) {
    const std::shared_ptr<SlotIndex> slot_index = current.slot(slot);
    if (!names->has(slot) || !slot_index) continue;
    if (!vectors.names.empty() && std::ranges::find(vectors.names, (*names)[slot]) == vectors.names.end()) continue;
    std::vector<Ordinal> having;
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (std::ranges::find(stored[i].slots, slot) == stored[i].slots.end()) continue;
      having.push_back(ordinals[i]);
      positions.push_back(i);
    }
    ORTHANT_TRY(current.table().read_vectors(slot, having, [&](std::size_t i, std::string_view bytes) -> Status {
      Result<VectorValue> value = value_of(slot_index->config(), bytes);
      if (!value) return with_context(fmt::format("collection {}", name), std::move(value).error());
      records[positions[i]].vectors->emplace_back((*names)[slot], std::move(*value));
      return {};
    }));
  }
  return records;
}

namespace {

// The index of the name, which takes the query.
Result<std::shared_ptr<SlotIndex>> slot_for(const TableView& view, const VectorSearch& request) {
  const std::shared_ptr<SlotIndex> index = view.slot(ORTHANT_TRY(view.slot_of(request.vector_name)));
  if (!index) return invalid_argument(fmt::format("Not existing vector name error: {}", request.vector_name));
  if (request.generation && *request.generation != index->config().generation) return another_model_serves();
  ORTHANT_TRY(index->check_query(*request.vector));
  return index;
}

std::size_t wanted_rows(const VectorSearch& request, std::size_t rows) {
  return std::min(request.limit, rows) + std::min(request.offset, rows) + (request.excluded ? 1 : 0);
}

constexpr const char* kAnotherModel = "another model has taken over the vector meanwhile, ask again";

}  // namespace

std::unexpected<Error> another_model_serves() {
  return fail(ErrorCode::kUnavailable, kAnotherModel);
}

bool is_another_model_serving(const Error& error) {
  return error.code == ErrorCode::kUnavailable && error.message == kAnotherModel;
}

bool can_share(const VectorSearch& a, const VectorSearch& b) {
  const auto plain = [](const VectorSearch& request) {
    return (request.filter == nullptr || is_empty(*request.filter)) && !request.explain;
  };
  return plain(a) && plain(b) && a.vector_name == b.vector_name && a.limit == b.limit && a.offset == b.offset &&
         a.excluded.has_value() == b.excluded.has_value() && a.params == b.params && a.generation == b.generation;
}

SearchParams Collection::Impl::params_for(const VectorSearch& request, const TableView& current, const AllowedRows* allowed) const {
  SearchParams params = request.params;
  params.allowed = allowed != nullptr ? &allowed->rows : nullptr;
  const std::size_t rows = current.row_count();
  params.limit = std::min(wanted_rows(request, rows), std::max<std::size_t>(rows, 1));
  params.helpers = &environment.search_pool;
  return params;
}

// What was found, read from the store, as the request wants it.
Result<std::vector<ScoredPoint>> Collection::Impl::points_of(const TableView& current, const VectorSearch& request,
                                                             std::span<const ScoredOrdinal> found) const {
  std::vector<Ordinal> ordinals;
  for (const ScoredOrdinal& hit : found) ordinals.push_back(hit.ordinal);
  std::vector<Record> records = ORTHANT_TRY(load_records(current, ordinals, request.payload, request.vectors));
  std::vector<ScoredPoint> points;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (records[i].id == request.excluded) continue;
    points.push_back({std::move(records[i]), found[i].score});
  }
  keep_newest_of_equal_ids(points);
  points.erase(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(std::min(request.offset, points.size())));
  if (points.size() > request.limit) points.resize(request.limit);
  return points;
}

Result<Collection::SearchAnswer> Collection::search(const VectorSearch& request) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const std::shared_ptr<SlotIndex> index = ORTHANT_TRY(slot_for(*view, request));
  SearchAnswer answer;
  if (request.explain) answer.explanation.emplace();
  SearchExplanation* const told = request.explain ? &*answer.explanation : nullptr;
  const std::shared_ptr<const AllowedRows> allowed =
      ORTHANT_TRY(impl_->allowed_rows(*view, request.filter, told == nullptr ? nullptr : &told->filter));
  const SearchParams params = impl_->params_for(request, *view, allowed.get());
  StageTimer search_timer(TimedStage::kSearch);
  const std::vector<ScoredOrdinal> found =
      ORTHANT_TRY(index->search(*request.vector, params, told == nullptr ? nullptr : &told->trace));
  const double search_microseconds = search_timer.stop();
  if (told != nullptr) {
    told->search_microseconds = search_microseconds;
    told->config = index->config().index;
    const IndexStatistics statistics = index->statistics();
    told->structure = statistics.structure;
    told->quantizer = statistics.quantizer;
  }
  StageTimer record_timer(TimedStage::kRecords);
  answer.points = ORTHANT_TRY(impl_->points_of(*view, request, found));
  const double record_microseconds = record_timer.stop();
  if (told != nullptr) told->record_microseconds = record_microseconds;
  return answer;
}

Result<std::vector<Collection::SearchAnswer>> Collection::search_together(std::span<const VectorSearch> requests) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  std::vector<SearchAnswer> answers;
  if (requests.empty()) return answers;
  const std::shared_ptr<SlotIndex> index = ORTHANT_TRY(slot_for(*view, requests.front()));
  std::vector<const VectorValue*> queries;
  for (const VectorSearch& request : requests) {
    ORTHANT_TRY(index->check_query(*request.vector));
    queries.push_back(request.vector);
  }
  StageTimer search_timer(TimedStage::kSearch);
  const auto found = ORTHANT_TRY(index->search_batch(queries, impl_->params_for(requests.front(), *view, nullptr)));
  search_timer.stop();
  StageTimer record_timer(TimedStage::kRecords);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    answers.push_back({ORTHANT_TRY(impl_->points_of(*view, requests[i], found[i])), std::nullopt});
  }
  record_timer.stop();
  return answers;
}

bool Collection::shares_passes(const VectorSearch& request) const {
  const auto view = impl_->view();
  if (!view) return false;
  const auto index = slot_for(**view, request);
  return index && (*index)->shares_passes(impl_->params_for(request, **view, nullptr));
}

Result<std::vector<Record>> Collection::retrieve(std::span<const PointId> ids, const PayloadSelector& payload,
                                                 const VectorSelector& vectors) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  std::vector<Ordinal> ordinals = ORTHANT_TRY(view->table().find(ids));
  std::erase(ordinals, kNoOrdinal);
  return impl_->load_records(*view, ordinals, payload, vectors);
}

Result<Collection::Impl::RowPage> Collection::Impl::rows_by_id(const TableView& current, const PointScroll& request) const {
  PageCollector collector(request.offset, request.limit);
  if (request.filter == nullptr || is_empty(*request.filter)) {
    ORTHANT_TRY(scroll_all(current.table(), request.from, collector));
  } else {
    unindexed_fields.note(*request.filter, *current.fields().fields());
    ORTHANT_TRY(scroll_by_filter(current, *request.filter, request.from, collector));
  }
  return RowPage{collector.ordinals(), collector.next()};
}

Result<PointPage> Collection::scroll(const PointScroll& request) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Impl::RowPage page = ORTHANT_TRY(impl_->rows_by_id(*view, request));
  return PointPage{ORTHANT_TRY(impl_->load_records(*view, page.ordinals, request.payload, request.vectors)), page.next};
}

Result<std::uint64_t> Collection::count(const Filter* filter) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const std::shared_ptr<const AllowedRows> allowed = ORTHANT_TRY(impl_->allowed_rows(*view, filter));
  return allowed ? allowed->count : view->live_count();
}

Result<std::optional<std::vector<std::pair<std::string, std::string>>>> Collection::source_texts(const PointId& id) const {
  using Texts = std::vector<std::pair<std::string, std::string>>;
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const std::vector<Ordinal> ordinals = ORTHANT_TRY(view->table().find({&id, 1}));
  if (ordinals.front() == kNoOrdinal) return std::optional<Texts>();
  Texts texts;
  const std::shared_ptr<const SlotNames> names = view->slot_names();
  for (PointRecord& record : ORTHANT_TRY(view->table().read_points(ordinals))) {
    for (SourceText& source : record.sources) {
      if (names->has(source.slot)) texts.emplace_back((*names)[source.slot], std::move(source.text));
    }
  }
  return std::optional<Texts>(std::move(texts));
}

}  // namespace orthant
