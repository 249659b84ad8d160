#include "index/candidates/inverted_lists.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "base/bytes.h"
#include "index/candidates/list_builder.h"
#include "index/candidates/list_scan.h"
#include "index/candidates/list_training.h"
#include "index/kernels/dispatch.h"
#include "index/published.h"

namespace orthant {
namespace {

constexpr std::uint32_t kParametersVersion = 1;
// Rows that make one segment at most before they are published.
constexpr std::size_t kBatchRows = std::size_t{1} << 18;
// A segment is at least so many times as large as the next.
constexpr std::size_t kSegmentRatio = 4;
constexpr double kListsPerRootOfRows = 8;
// Rows for a row that the centroids were trained on that make new lists worth while.
constexpr std::size_t kOutgrown = 4;
// Of an entry, in rows of a scan: 11 ns beside 1.5 at 99,000 as at 499,000 rows of 384 dimensions.
constexpr double kEntryCost = 7;
// The nearest lists are read first, for the sake of the bound; the others in the order of memory, where near ones stand side by
// side (list_training.cpp).
constexpr std::size_t kReadByRank = 16;
// Centroids that were trained on fewer rows in proportion serve badly.
constexpr std::size_t kFewestRowsPerList = 8;
// Numbers of columns: the centroids', then a group of kColumnsPerSegment for each segment.
constexpr std::uint32_t kCentroidCodes = 0;
constexpr std::uint32_t kCentroidScales = 1;
constexpr std::uint32_t kColumnsPerSegment = 16;

std::size_t list_count_for(std::size_t row_count, const ListOptions& options) {
  const auto wanted = static_cast<std::size_t>(kListsPerRootOfRows * std::sqrt(static_cast<double>(row_count)));
  return std::max<std::size_t>(1, std::min(options.list_count != 0 ? options.list_count : wanted, row_count / kFewestRowsPerList));
}

// What searches see. Immutable; segments are shared with the next state.
struct ListsState {
  std::shared_ptr<ListCentroids> centroids;  // null before training
  float single_list_residual = 0;
  std::size_t trained_rows = 0;
  std::vector<std::shared_ptr<ListSegment>> segments;  // one after another from row 0 on

  Ordinal covered() const { return segments.empty() ? 0 : segments.back()->end(); }
};

class InvertedLists : public CandidateSource {
 public:
  InvertedLists(const IndexConfig& config, const CodeTables& tables, const ListOptions& options)
      : config_(config), tables_(tables), kernels_(distance_kernels()), options_(options), state_(std::make_unique<ListsState>()) {}

  std::string_view name() const override { return "lists"; }
  Ordinal covered_count() const override { return state_.use()->covered(); }

  std::vector<Candidate> candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth, std::size_t effort,
                                    SourceTrace* trace) const override;
  std::size_t smallest_effort() const override { return 1; }
  bool has_own_codes() const override { return true; }
  std::size_t largest_effort() const override {
    const auto state = state_.use();
    return state->centroids ? state->centroids->count() : 1;
  }

  // Scattered entries and their factors take several times as long as rows of a scan; ranking takes about as long for a list.
  double cost(const SourceTrace& trace) const override {
    return kEntryCost * static_cast<double>(trace.compared + largest_effort());
  }

  Status extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) override;
  std::size_t stale_count() const override;
  Status repair(ThreadPool* pool, const std::atomic<bool>& stop) override;
  std::size_t memory_bytes() const override;
  bool is_outgrown() const override {
    const auto state = state_.use();
    return state->centroids && state->covered() >= kOutgrown * state->trained_rows;
  }

  std::string parameters() const override;
  std::vector<SourceColumn> columns() override;
  Status finish_load() override;
  Status read_parameters(std::string_view parameters);

 private:
  ListSpace space() const {
    const ListsState& state = state_.latest();
    return {config_, tables_, Int8Rows(tables_), kernels_, *state.centroids, state.single_list_residual};
  }
  bool train(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop);
  bool merge_small(ThreadPool* pool, const std::atomic<bool>& stop);
  // Puts one segment in the place of those from `first` to before `last`.
  bool replace(std::size_t first, std::size_t last, std::unique_ptr<ListSegment> segment);
  bool is_whole(ByteReader& reader, ListsState& state) const;

  const IndexConfig& config_;
  const CodeTables& tables_;
  const DistanceKernels& kernels_;
  const ListOptions options_;
  Published<ListsState> state_;
};

// ---- searching ----

std::vector<Candidate> InvertedLists::candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth,
                                                 std::size_t effort, SourceTrace* trace) const {
  const auto state = state_.use();
  if (state->segments.empty() || depth == 0) return {};
  const bool euclid = config_.metric == Metric::kEuclid;
  const CentroidQuery centroid_query(query.floats);
  std::vector<RankedList> lists = state->centroids->nearest(centroid_query, euclid ? ListOrder::kEuclid : ListOrder::kDot,
                                                            std::clamp<std::size_t>(effort, 1, state->centroids->count()));
  if (lists.size() > kReadByRank) std::ranges::sort(std::span(lists).subspan(kReadByRank), {}, &RankedList::list);
  ListScan scan(centroid_query.tables, kernels_, mask, depth);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (i + 1 < lists.size()) prefetch_list(*state->segments.front(), lists[i + 1].list);
    const float constant = euclid ? query.squared_norm - 2 * lists[i].dot : -lists[i].dot;
    for (const auto& segment : state->segments) scan.add(*segment, lists[i].list, constant);
  }
  if (trace != nullptr) {
    trace->visited = lists.size();
    trace->compared = scan.compared();
  }
  return scan.take();
}

// ---- building ----

bool InvertedLists::train(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) {
  TrainedLists trained = train_lists(tables_, kernels_, config_.dim, end, list_count_for(end, options_), pool, stop);
  if (!trained.centroids) return false;
  auto next = std::make_unique<ListsState>();
  next->centroids = std::move(trained.centroids);
  next->single_list_residual = trained.single_list_residual;
  next->trained_rows = end;
  state_.replace(std::move(next));
  return true;
}

bool InvertedLists::replace(std::size_t first, std::size_t last, std::unique_ptr<ListSegment> segment) {
  if (segment == nullptr) return false;
  auto next = std::make_unique<ListsState>(state_.latest());
  const auto begin = next->segments.begin();
  next->segments.erase(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last));
  next->segments.insert(next->segments.begin() + static_cast<std::ptrdiff_t>(first), std::move(segment));
  state_.replace(std::move(next));
  return true;
}

Status InvertedLists::extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) {
  if (end <= state_.latest().covered()) return {};
  if (!state_.latest().centroids && !train(end, pool, stop)) return {};
  while (state_.latest().covered() < end) {
    const Ordinal first = state_.latest().covered();
    const auto batch_end = static_cast<Ordinal>(std::min<std::size_t>(end, first + kBatchRows));
    const std::size_t count = state_.latest().segments.size();
    if (!replace(count, count, build_segment(space(), first, batch_end, pool, stop))) return {};
    if (!merge_small(pool, stop)) return {};
  }
  return {};
}

// False when stopped.
bool InvertedLists::merge_small(ThreadPool* pool, const std::atomic<bool>& stop) {
  const auto& segments = state_.latest().segments;
  std::size_t first = segments.size() - 1;
  std::size_t rows = segments[first]->end() - segments[first]->first();
  while (first > 0 && kSegmentRatio * rows > segments[first - 1]->end() - segments[first - 1]->first()) {
    --first;
    rows += segments[first]->end() - segments[first]->first();
  }
  if (first + 1 == segments.size()) return true;
  std::vector<const ListSegment*> merged;
  for (std::size_t i = first; i < segments.size(); ++i) merged.push_back(segments[i].get());
  return replace(first, segments.size(), merge_segments(space(), merged, pool, stop));
}

namespace {

std::size_t live_rows(const CodeTables& tables, Ordinal first, Ordinal end) {
  return RowMask(tables, nullptr, end, first).count();
}

}  // namespace

std::size_t InvertedLists::stale_count() const {
  const auto state = state_.use();
  std::size_t in_lists = 0;
  for (const auto& segment : state->segments) in_lists += segment->row_count();
  return in_lists - std::min(in_lists, live_rows(tables_, 0, state->covered()));
}

// Segments behind the first that lost rows are merged into it: copying its entries is most of the work, and a list that lies in one
// piece is read in half the time of one in two.
Status InvertedLists::repair(ThreadPool* pool, const std::atomic<bool>& stop) {
  const auto& segments = state_.latest().segments;
  const auto lost_rows = [this](const std::shared_ptr<ListSegment>& segment) {
    return segment->row_count() != live_rows(tables_, segment->first(), segment->end());
  };
  const auto stale = std::ranges::find_if(segments, lost_rows);
  if (stale == segments.end()) return {};
  const auto first = static_cast<std::size_t>(stale - segments.begin());
  std::vector<const ListSegment*> merged;
  for (std::size_t i = first; i < segments.size(); ++i) merged.push_back(segments[i].get());
  replace(first, segments.size(), merge_segments(space(), merged, pool, stop));
  return {};
}

std::size_t InvertedLists::memory_bytes() const {
  const auto state = state_.use();
  std::size_t bytes = state->centroids ? state->centroids->memory_bytes() : 0;
  for (const auto& segment : state->segments) bytes += segment->memory_bytes();
  return bytes;
}

// ---- snapshots ----

std::string InvertedLists::parameters() const {
  const ListsState& state = state_.latest();
  std::string out;
  append_value(out, kParametersVersion);
  append_value(out, static_cast<std::uint64_t>(config_.dim));
  append_value(out, static_cast<std::uint8_t>(config_.metric));
  append_value(out, static_cast<std::uint64_t>(state.trained_rows));
  append_value(out, static_cast<std::uint64_t>(state.centroids ? state.centroids->count() : 0));
  append_value(out, state.single_list_residual);
  append_value(out, static_cast<std::uint32_t>(state.segments.size()));
  for (const auto& segment : state.segments) {
    append_value(out, segment->end());
    append_value(out, static_cast<std::uint64_t>(segment->entry_count()));
    append_value(out, static_cast<std::uint64_t>(segment->row_count()));
  }
  return out;
}

std::vector<SourceColumn> InvertedLists::columns() {
  const ListsState& state = state_.latest();
  std::vector<SourceColumn> columns;
  if (!state.centroids) return columns;
  columns.push_back({kCentroidCodes, &state.centroids->codes(), state.centroids->count()});
  columns.push_back({kCentroidScales, &state.centroids->scales(), state.centroids->count()});
  for (std::size_t i = 0; i < state.segments.size(); ++i) {
    for (std::uint32_t number = 0; number < ListSegment::kColumnCount; ++number) {
      const auto which = static_cast<ListSegment::Column>(number);
      ListSegment& segment = *state.segments[i];
      columns.push_back(
          {static_cast<std::uint32_t>(i + 1) * kColumnsPerSegment + number, &segment.column(which), segment.column_rows(which)});
    }
  }
  return columns;
}

template <typename T>
bool read_into(ByteReader& reader, T& value) {
  const std::optional<T> read = reader.read<T>();
  if (read) value = *read;
  return read.has_value();
}

// Everything is checked before memory is asked for.
bool InvertedLists::is_whole(ByteReader& reader, ListsState& state) const {
  std::uint32_t version = 0, segment_count = 0;
  std::uint64_t dim = 0, trained_rows = 0, list_count = 0;
  std::uint8_t metric = 0;
  if (!read_into(reader, version) || !read_into(reader, dim) || !read_into(reader, metric) || !read_into(reader, trained_rows) ||
      !read_into(reader, list_count) || !read_into(reader, state.single_list_residual) || !read_into(reader, segment_count)) {
    return false;
  }
  const std::size_t rows = tables_.row_count();
  if (version != kParametersVersion || dim != config_.dim || metric != static_cast<std::uint8_t>(config_.metric) ||
      list_count > trained_rows || trained_rows >= kNoOrdinal || (list_count == 0) != (segment_count == 0) ||
      !std::isfinite(state.single_list_residual)) {
    return false;
  }
  struct Shape {
    Ordinal end = 0;
    std::uint64_t entries = 0, rows = 0;
  };
  std::vector<Shape> shapes;
  Ordinal first = 0;
  for (std::uint32_t i = 0; i < segment_count; ++i) {
    Shape shape;
    if (!read_into(reader, shape.end) || !read_into(reader, shape.entries) || !read_into(reader, shape.rows)) return false;
    if (shape.end <= first || shape.end > rows || shape.rows > shape.end - first || shape.entries > kListsPerRow * shape.rows) {
      return false;
    }
    first = shape.end;
    shapes.push_back(shape);
  }
  if (!reader.at_end()) return false;
  state.trained_rows = trained_rows;
  if (list_count != 0) state.centroids = std::make_shared<ListCentroids>(config_.dim, list_count, kernels_);
  for (const Shape& shape : shapes) {
    const Ordinal begin = state.covered();
    state.segments.push_back(
        std::make_shared<ListSegment>((config_.dim + 7) / 8, list_count, begin, shape.end, shape.entries, shape.rows));
  }
  return true;
}

Status InvertedLists::read_parameters(std::string_view parameters) {
  ByteReader reader(parameters);
  auto state = std::make_unique<ListsState>();
  if (!is_whole(reader, *state)) return data_corruption("inverted lists: parameters are damaged or of another configuration");
  state_.replace(std::move(state));
  return {};
}

Status InvertedLists::finish_load() {
  const ListsState& state = state_.latest();
  if (!state.centroids) return {};
  ORTHANT_TRY(state.centroids->finish_load());
  for (const auto& segment : state.segments) ORTHANT_TRY(segment->check());
  return {};
}

}  // namespace

std::unique_ptr<CandidateSource> make_lists(const IndexConfig& config, const CodeTables& tables, const ListOptions& options) {
  return std::make_unique<InvertedLists>(config, tables, options);
}

Result<std::unique_ptr<CandidateSource>> load_lists(const IndexConfig& config, const CodeTables& tables,
                                                    std::string_view parameters) {
  auto lists = std::make_unique<InvertedLists>(config, tables, ListOptions{});
  ORTHANT_TRY(lists->read_parameters(parameters));
  return std::unique_ptr<CandidateSource>(std::move(lists));
}

}  // namespace orthant
