#include "index/candidates/graph.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "index/kernels/plane_dispatch.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::uint32_t kParametersVersion = 1;
constexpr std::uint32_t kLeanVersion = 2;  // its lists are lean; otherwise as 1
constexpr std::uint32_t kListsColumn = 1;
constexpr std::uint32_t kLineSlotsColumn = 2;  // of lean lists
// Rows linked between two publications of progress.
constexpr Ordinal kBatchRows = 1'024;
constexpr std::size_t kRowsPerTask = 8;
// Where a smaller share of the rows may be returned, walks keep to those. Measured: docs/decisions/0004-graph.md.
constexpr double kMostlyAllowed = 0.05;
// Where hardly any linked row may not be returned, walks take no notice of the mask; what it excludes is dropped from what they
// find.
constexpr double kNearlyAllAllowed = 0.9;
constexpr std::uint32_t kLargestDegree = 1'024;
constexpr std::size_t kSmallestEffort = 8;
constexpr std::size_t kFewestNear = 10;
constexpr std::size_t kWidestShare = 8;  // of a walk, in efforts
constexpr float kSlackPerDoubling = 0.3f;
constexpr std::size_t kLargestEffort = 4'096;

// The bounds of a walk with this effort; the slack counts spreads of the distances of rows in general. A queue of fixed width goes
// on as long for a query with a few neighbours far before all other rows as for one amid a crowd; a slack behind the nearest does
// not (the idea of bounds by distance: Al-Jazzazi et al. 2025). The rows within a slack grow exponentially with it, so the slack
// grows with the logarithm of the effort. All three measured: docs/decisions/0004-graph.md.
//
// Where only a share of the rows may be returned, the k-th nearest of those is about the k / share-th nearest of all, and the slack
// behind it is what it was.
FrontierBounds bounds_for(std::size_t effort, double share = 1) {
  const float doublings = std::log2(static_cast<float>(effort) / static_cast<float>(kSmallestEffort));
  const auto among_all = [share](std::size_t rows) { return static_cast<std::size_t>(static_cast<double>(rows) / share); };
  return {.width = among_all(kWidestShare * effort),
          .least = among_all(std::max(kFewestNear, effort / 8)),
          .slack = kSlackPerDoubling * doublings};
}

std::size_t weight_count(const IndexConfig& config, const BinaryQuantizer& quantizer) {
  return quantizer.code_query(std::vector<float>(config.dim)).weights.size();
}

class Graph final : public CandidateSource {
 public:
  Graph(const IndexConfig& config, const CodeTables& tables, const BinaryQuantizer& quantizer, const GraphOptions& options)
      : metric_(config.metric),
        codes_on_disk_(config.code_residency == CodeResidency::kDisk),
        tables_(tables),
        options_(options),
        rows_(tables, config.metric, weight_count(config, quantizer), options.lean ? 0 : options.degree),
        landmarks_(config.metric),
        builder_(tables, quantizer, config.metric, options, rows_, landmarks_) {}

  std::string_view name() const override { return "graph"; }
  Ordinal covered_count() const override { return covered_count_.load(std::memory_order_acquire); }
  std::size_t smallest_effort() const override { return kSmallestEffort; }
  std::size_t largest_effort() const override { return kLargestEffort; }

  std::size_t useful_depth(std::size_t depth, std::size_t effort) const override { return std::min(depth, kWidestShare * effort); }
  std::vector<Candidate> candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth, std::size_t effort,
                                    SourceTrace* trace) const override;
  Status extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) override;
  std::size_t stale_count() const override;
  Status repair(ThreadPool* pool, const std::atomic<bool>& stop) override;
  std::size_t memory_bytes() const override { return rows_.memory_bytes() + landmarks_.memory_bytes(); }

  bool outlives_codes() const override { return true; }
  // Measured on lean graphs: docs/decisions/0009-lean-graph.md.
  double spared_misses() const override { return rows_.is_lean() ? 0.3 : CandidateSource::spared_misses(); }
  // Before ordinals run out; or codes went to disk since it was made.
  bool is_outgrown() const override {
    if (!rows_.is_lean()) return codes_on_disk_;
    return tables_.row_count() > GraphRows::kMostLeanRows - GraphRows::kMostLeanRows / 8;
  }
  std::string parameters() const override;
  std::vector<SourceColumn> columns() override;
  void release_columns() override { line_slots_.reset(); }
  Status finish_load() override;
  // Makes room for a loader that fills columns().
  void reserve(Ordinal row_count) {
    rows_.lists().reserve(row_count);
    loading_count_ = row_count;
  }
  std::size_t degree() const { return rows_.degree(); }

 private:
  template <typename Met>
  void walk(const RowEstimate& estimate, Ordinal end, const FrontierBounds& bounds, const RowMask* mask, Met&& met) const;
  void walk_for_all(const RowEstimate& estimate, std::size_t depth, std::size_t effort, std::vector<Candidate>& found) const;
  std::vector<Candidate> walk_masked(const RowEstimate& estimate, const RowMask& mask, Ordinal covered, double share,
                                     std::size_t depth, std::size_t effort) const;
  void link_batch(Ordinal first, Ordinal end, ThreadPool* pool);
  Status check_lists() const;

  const Metric metric_;
  const bool codes_on_disk_;
  const CodeTables& tables_;
  const GraphOptions options_;
  GraphRows rows_;
  GraphLandmarks landmarks_;
  GraphBuilder builder_;
  Ordinal loading_count_ = 0;                   // rows that a loader fills
  std::unique_ptr<RowColumn> line_slots_;       // a copy for snapshots, while one is made or read
  std::atomic<std::size_t> unlinked_count_{0};  // buried rows below covered_count() without neighbours
  // Stored with release after all rows below it are linked.
  std::atomic<Ordinal> covered_count_{0};
};

std::vector<Candidate> Graph::candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth, std::size_t effort,
                                         SourceTrace* trace) const {
  const Ordinal covered = std::min(covered_count(), static_cast<Ordinal>(mask.row_count()));
  const bool euclid = metric_ == Metric::kEuclid;
  const float slope = euclid ? 2 : 1;
  const BitPlanes planes = make_bit_planes(query.code.weights, options_.plane_count);
  const RowEstimate estimate = make_row_estimate(planes, slope, slope * query.code.constant + (euclid ? query.squared_norm : 0),
                                                 euclid ? RowEstimate::Added::kSquaredNorm : RowEstimate::Added::kNothing);
  effort = std::clamp(effort, smallest_effort(), largest_effort());
  // Walks do not meet buried rows that no list leads to any more.
  const std::size_t linked = mask.row_count() - std::min(mask.row_count(), unlinked_count_.load(std::memory_order_relaxed));
  const double share = std::min(1.0, static_cast<double>(mask.count()) / static_cast<double>(std::max<std::size_t>(1, linked)));
  GraphScratch& scratch = graph_scratch();
  std::vector<Candidate> found;
  const auto wider = static_cast<std::size_t>(static_cast<double>(effort) / std::max(share, kMostlyAllowed));
  if (share >= kNearlyAllAllowed && depth <= kWidestShare * wider) {
    walk_for_all(estimate, depth, wider, found);
    const bool whole = mask.count() == mask.row_count() && covered == rows_.line_count();
    if (!whole) std::erase_if(found, [&](const Candidate& one) { return one.ordinal >= covered || !mask.contains(one.ordinal); });
  } else {
    found = walk_masked(estimate, mask, covered, share, depth, effort);
  }
  if (trace != nullptr) *trace = {scratch.expanded, scratch.visited.count()};
  return found;
}

template <typename Met>
void Graph::walk(const RowEstimate& estimate, Ordinal end, const FrontierBounds& bounds, const RowMask* mask, Met&& met) const {
  GraphScratch& scratch = graph_scratch();
  landmarks_.find(rows_, plane_kernels(), estimate, mask, scratch);
  const FrontierBounds scaled = {bounds.width, bounds.least, bounds.slack * scratch.starts.spread};
  GraphSearch(rows_, plane_kernels(), estimate, scratch).run(scratch.starts, end, scaled, mask, met);
}

// What lies within the slack, but not fewer than the effort: should fewer have been met, the width alone bounds a second walk.
void Graph::walk_for_all(const RowEstimate& estimate, std::size_t depth, std::size_t effort, std::vector<Candidate>& found) const {
  const Frontier& frontier = graph_scratch().frontier;
  const Ordinal end = rows_.line_count();
  walk(estimate, end, bounds_for(effort), nullptr, [](Ordinal, float) {});
  if (frontier.taken_count() < std::min(depth, effort)) walk(estimate, end, {.width = effort}, nullptr, [](Ordinal, float) {});
  frontier.nearest(std::min(depth, std::max(frontier.kept_count(), effort)), found);
}

// Where most rows may be returned, a walk over all of them that is wider by the share that may not; else one over the mask's rows.
std::vector<Candidate> Graph::walk_masked(const RowEstimate& estimate, const RowMask& mask, Ordinal covered, double share,
                                          std::size_t depth, std::size_t effort) const {
  const auto walk_within = [&](const FrontierBounds& bounds, const RowMask* walked) {
    NearestCandidates nearest(depth);
    walk(estimate, rows_.line_count(), bounds, walked, [&](Ordinal ordinal, float distance) {
      if (distance < nearest.bound() && ordinal < covered && mask.contains(ordinal)) nearest.offer({distance, ordinal});
    });
    return nearest.take();
  };
  if (share < kMostlyAllowed) return walk_within({.width = effort}, &mask);
  const auto wider = static_cast<std::size_t>(static_cast<double>(effort) / share);
  const std::vector<Candidate> found = walk_within(bounds_for(effort, share), nullptr);
  return found.size() >= std::min({depth, effort, mask.count()}) ? found : walk_within({.width = wider}, nullptr);
}

Status Graph::extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) {
  if (end > tables_.row_count()) return internal_error("a graph is extended past the rows of its index");
  if (rows_.is_lean() && end > GraphRows::kMostLeanRows) return internal_error("a lean graph is extended past its largest ordinal");
  while (covered_count() < end && !stop.load(std::memory_order_relaxed)) {
    const Ordinal first = covered_count();
    link_batch(first, std::min(end, first + kBatchRows), pool);
  }
  return {};
}

void Graph::link_batch(Ordinal first, Ordinal end, ThreadPool* pool) {
  rows_.grow(end);
  if (landmarks_.next_choice() == 0) landmarks_.choose(rows_, tables_, end);
  parallel_for(pool, end - first, kRowsPerTask, [&](std::size_t begin, std::size_t stop) {
    for (std::size_t i = begin; i < stop; ++i) {
      const auto ordinal = static_cast<Ordinal>(first + i);
      if (tables_.is_buried(ordinal)) {
        unlinked_count_.fetch_add(1, std::memory_order_relaxed);
      } else {
        builder_.link(ordinal, end);
      }
    }
  });
  if (end >= landmarks_.next_choice()) landmarks_.choose(rows_, tables_, end);
  covered_count_.store(end, std::memory_order_release);
}

std::size_t Graph::stale_count() const {
  const Ordinal covered = covered_count();
  std::size_t buried = 0;
  for (std::size_t block = 0; block * kBlockRows < covered; ++block) {
    std::uint64_t word = tables_.buried_word(block);
    if (const std::size_t rest = covered - block * kBlockRows; rest < kBlockRows) word &= (std::uint64_t{1} << rest) - 1;
    buried += static_cast<std::size_t>(std::popcount(word));
  }
  return buried - std::min(buried, unlinked_count_.load(std::memory_order_relaxed));
}

// Rows keep their lists until no row leads to them any more: until then walks need them.
Status Graph::repair(ThreadPool* pool, const std::atomic<bool>& stop) {
  const Ordinal covered = covered_count();
  Bitmap gone(covered);
  for (Ordinal row = 0; row < covered; ++row) {
    if (tables_.is_buried(row)) gone.set(row);
  }
  parallel_for(pool, covered, kRowsPerTask, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end && !stop.load(std::memory_order_relaxed); ++row) {
      if (!gone.test(row)) builder_.link_around(static_cast<Ordinal>(row), covered, gone);
    }
  });
  if (stop.load(std::memory_order_relaxed)) return {};
  std::size_t unlinked = 0;
  gone.for_each([&](std::size_t row) {
    rows_.write_list(static_cast<Ordinal>(row), {});
    ++unlinked;
  });
  unlinked_count_.store(unlinked, std::memory_order_relaxed);
  landmarks_.choose(rows_, tables_, covered);
  return {};
}

std::vector<SourceColumn> Graph::columns() {
  const Ordinal count = std::max(covered_count(), loading_count_);
  std::vector<SourceColumn> columns = {{kListsColumn, &rows_.lists(), count}};
  if (!rows_.is_lean() || rows_.line_slot_bytes() == 0) return columns;
  if (!line_slots_) {
    line_slots_ = std::make_unique<RowColumn>(rows_.line_slot_bytes());
    line_slots_->reserve(count);
    rows_.copy_line_slots(covered_count(), *line_slots_);
  }
  columns.push_back({kLineSlotsColumn, line_slots_.get(), count});
  return columns;
}

std::string Graph::parameters() const {
  std::string bytes;
  append_value(bytes, rows_.is_lean() ? kLeanVersion : kParametersVersion);
  append_value(bytes, static_cast<std::uint32_t>(rows_.degree()));
  append_value(bytes, static_cast<std::uint32_t>(covered_count()));
  return bytes;
}

Status Graph::finish_load() {
  if (tables_.row_count() < loading_count_) {
    return data_corruption(fmt::format("graph: covers {} rows of {}", loading_count_, tables_.row_count()));
  }
  rows_.grow(loading_count_, false);
  if (line_slots_) rows_.put_line_slots(loading_count_, *line_slots_);
  line_slots_.reset();
  ORTHANT_TRY(check_lists());
  std::size_t unlinked = 0;
  for (Ordinal row = 0; row < loading_count_; ++row) unlinked += tables_.is_buried(row) && !rows_.has_list(row) ? 1 : 0;
  unlinked_count_.store(unlinked, std::memory_order_relaxed);
  landmarks_.choose(rows_, tables_, loading_count_);
  covered_count_.store(loading_count_, std::memory_order_release);
  return {};
}

Status Graph::check_lists() const {
  for (Ordinal row = 0; row < loading_count_; ++row) {
    bool ended = false;
    for (std::size_t i = 0; i < rows_.degree(); ++i) {
      const Ordinal neighbour = rows_.slot(row, i);
      const bool right = neighbour == kNoOrdinal || (!ended && neighbour < loading_count_ && neighbour != row);
      if (!right)
        return data_corruption(fmt::format("graph: row {} of {} has {} as neighbour {}", row, loading_count_, neighbour, i));
      ended = neighbour == kNoOrdinal;
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<CandidateSource> make_graph(const IndexConfig& config, const CodeTables& tables, const BinaryQuantizer& quantizer,
                                            const GraphOptions& options) {
  return std::make_unique<Graph>(config, tables, quantizer, options);
}

Result<std::unique_ptr<CandidateSource>> load_graph(const IndexConfig& config, const CodeTables& tables,
                                                    const BinaryQuantizer& quantizer, std::string_view parameters) {
  ByteReader reader(parameters);
  const auto version = reader.read<std::uint32_t>();
  const auto degree = reader.read<std::uint32_t>();
  const auto covered = reader.read<std::uint32_t>();
  if (!covered || !reader.at_end()) return data_corruption(fmt::format("graph: {} bytes of parameters", parameters.size()));
  if (*version != kParametersVersion && *version != kLeanVersion) {
    return data_corruption(fmt::format("graph: version {}, expected {} or {}", *version, kParametersVersion, kLeanVersion));
  }
  GraphOptions options = *version == kLeanVersion ? kLeanGraph : GraphOptions{};
  options.degree = *degree;
  const Ordinal most_rows = options.lean ? GraphRows::kMostLeanRows : kNoOrdinal;
  if (*degree == 0 || *degree > kLargestDegree || *covered >= most_rows) {
    return data_corruption(fmt::format("graph: {} rows of degree {}", *covered, *degree));
  }
  auto graph = std::make_unique<Graph>(config, tables, quantizer, options);
  if (graph->degree() != *degree) {
    return data_corruption(fmt::format("graph: lists of {}, expected {}", *degree, graph->degree()));
  }
  graph->reserve(*covered);
  return graph;
}

}  // namespace orthant
