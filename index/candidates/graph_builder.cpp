#include "index/candidates/graph_builder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <vector>

#include "index/kernels/plane_dispatch.h"

namespace orthant {
namespace {

// A row with fewer neighbours after a repair is linked anew.
constexpr std::size_t kFewNeighbours = 6;
// The smallest beam serves up to so many rows; each doubling beyond adds so much.
constexpr std::size_t kFewRows = 100'000;
constexpr float kBeamPerDoubling = 40;

}  // namespace

std::size_t beam_among(const GraphOptions& options, std::size_t rows) {
  const float doublings = std::log2(static_cast<float>(std::max(rows, kFewRows)) / static_cast<float>(kFewRows));
  const std::size_t beam = options.smallest_beam + static_cast<std::size_t>(kBeamPerDoubling * doublings);
  return std::min(beam, std::max(options.build_beam, options.smallest_beam));
}

// One thread's memory for one row.
class GraphBuilder::Workspace {
 public:
  explicit Workspace(const GraphBuilder& builder)
      : geometry(builder.tables_, builder.rows_, builder.metric_, distance_kernels()), list(builder.rows_.degree()) {}

  // `candidates` become the rows of `ordinals` in ascending distance from the row that the geometry holds.
  void measure_ordinals() {
    distances.resize(ordinals.size());
    geometry.list(ordinals);
    geometry.distances(distances.data());
    // Distances are at least 0, so that their bits have their order. Of equal rows the newest comes first: older ones have been
    // linked to by more rows already.
    keys.clear();
    for (std::size_t i = 0; i < ordinals.size(); ++i) {
      keys.push_back(std::uint64_t{std::bit_cast<std::uint32_t>(distances[i] + 0.0f)} << 32 | (kNoOrdinal - ordinals[i]));
    }
    std::ranges::sort(keys);
    candidates.clear();
    for (const std::uint64_t key : keys) {
      candidates.push_back(
          {std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32)), kNoOrdinal - static_cast<std::uint32_t>(key)});
    }
  }
  // Of the candidates the first `count`.
  std::span<const Ordinal> chosen(std::size_t count) {
    ordinals.clear();
    for (std::size_t i = 0; i < count; ++i) ordinals.push_back(candidates[i].ordinal);
    return ordinals;
  }

  RowGeometry geometry;
  std::vector<Ordinal> list;
  std::vector<Ordinal> ordinals;
  std::vector<float> distances;
  std::vector<std::uint64_t> keys;
  std::vector<Neighbour> candidates;
  std::vector<Ordinal> neighbours;
};

GraphBuilder::GraphBuilder(const CodeTables& tables, const BinaryQuantizer& quantizer, Metric metric, const GraphOptions& options,
                           GraphRows& rows, const GraphLandmarks& landmarks)
    : tables_(tables),
      int8_(tables),
      quantizer_(quantizer),
      metric_(metric),
      options_(options),
      rows_(rows),
      landmarks_(landmarks) {}

void GraphBuilder::link(Ordinal ordinal, Ordinal end) {
  Workspace workspace(*this);
  find_candidates(ordinal, end, workspace);
  workspace.geometry.take(ordinal);
  workspace.measure_ordinals();
  const std::size_t count = prune(workspace.candidates, rows_.degree(), options_.alpha, workspace.geometry);
  const auto chosen = workspace.chosen(count);
  workspace.neighbours.assign(chosen.begin(), chosen.end());
  set_list(ordinal, workspace);
  for (Ordinal neighbour : workspace.neighbours) link_back(neighbour, ordinal, workspace);
}

void GraphBuilder::find_candidates(Ordinal ordinal, Ordinal end, Workspace& workspace) {
  std::vector<float> floats(int8_.dim());
  int8_.decode(distance_kernels(), ordinal, floats.data());
  const CodeQuery query = quantizer_.code_query(floats);
  const BitPlanes planes = make_bit_planes(query.weights, options_.plane_count);

  const bool euclid = metric_ == Metric::kEuclid;
  const bool dot = metric_ == Metric::kDot;
  const auto added = euclid ? RowEstimate::Added::kSquaredNorm : dot ? RowEstimate::Added::kLift : RowEstimate::Added::kNothing;
  RowEstimate estimate = make_row_estimate(planes, euclid ? 2 : 1, 0, added);
  estimate.largest_squared_norm = rows_.largest_squared_norm();
  estimate.lift = workspace.geometry.lift(ordinal);

  GraphScratch& scratch = graph_scratch();
  landmarks_.find(rows_, plane_kernels(), estimate, nullptr, scratch);
  const std::size_t beam = beam_among(options_, end);
  GraphSearch(rows_, plane_kernels(), estimate, scratch).run(scratch.starts, end, {.width = beam}, nullptr, [](Ordinal, float) {});
  workspace.ordinals.clear();
  scratch.frontier.nearest(beam, scratch.candidates);
  for (const Candidate& candidate : scratch.candidates) {
    if (candidate.ordinal != ordinal && !tables_.is_buried(candidate.ordinal)) workspace.ordinals.push_back(candidate.ordinal);
  }
}

// Rows that are linked at the same time may have linked back to this one already: they stay in.
void GraphBuilder::set_list(Ordinal ordinal, Workspace& workspace) {
  std::lock_guard lock(rows_.lock_of(ordinal));
  std::vector<Ordinal>& neighbours = workspace.neighbours;
  const std::size_t size = rows_.read_list(ordinal, workspace.list.data());
  for (Ordinal linked : std::span(workspace.list.data(), size)) {
    if (std::ranges::find(neighbours, linked) != neighbours.end()) continue;
    if (neighbours.size() == rows_.degree()) neighbours.pop_back();
    neighbours.insert(neighbours.begin(), linked);
  }
  rows_.write_list(ordinal, neighbours);
}

void GraphBuilder::link_back(Ordinal from, Ordinal to, Workspace& workspace) {
  std::lock_guard lock(rows_.lock_of(from));
  const std::size_t size = rows_.read_list(from, workspace.list.data());
  const std::span<const Ordinal> list(workspace.list.data(), size);
  if (std::ranges::find(list, to) != list.end()) return;
  if (size < rows_.degree()) {
    rows_.append_neighbour(from, size, to);
    return;
  }
  workspace.ordinals.assign(list.begin(), list.end());
  workspace.ordinals.push_back(to);
  workspace.geometry.take(from);
  workspace.measure_ordinals();
  const std::size_t kept = rows_.is_lean() ? rows_.degree() : rows_.degree() * 3 / 4;
  const std::size_t count = prune(workspace.candidates, kept, options_.alpha, workspace.geometry);
  rows_.write_list(from, workspace.chosen(count));
}

void GraphBuilder::link_around(Ordinal ordinal, Ordinal end, const Bitmap& gone) {
  Workspace workspace(*this);
  if (!replace_gone(ordinal, end, gone, workspace)) link(ordinal, end);
}

// False when hardly any neighbours are left.
bool GraphBuilder::replace_gone(Ordinal ordinal, Ordinal end, const Bitmap& gone, Workspace& workspace) {
  std::lock_guard lock(rows_.lock_of(ordinal));
  std::vector<Ordinal> list(rows_.degree());
  list.resize(rows_.read_list(ordinal, list.data()));
  const auto is_gone = [&](Ordinal row) { return gone.test(row); };
  if (std::ranges::none_of(list, is_gone)) return true;
  std::vector<Ordinal>& around = workspace.ordinals;
  for (Ordinal neighbour : list) {
    if (!is_gone(neighbour)) {
      around.push_back(neighbour);
      continue;
    }
    const std::size_t size = rows_.read_list(neighbour, workspace.list.data());
    for (Ordinal next : std::span(workspace.list.data(), size)) {
      // A lean slot that another thread is writing may give any ordinal.
      if (next < end && next != ordinal && !is_gone(next)) around.push_back(next);
    }
  }
  std::ranges::sort(around);
  around.erase(std::unique(around.begin(), around.end()), around.end());
  workspace.geometry.take(ordinal);
  workspace.measure_ordinals();
  const std::size_t count = prune(workspace.candidates, rows_.degree(), options_.alpha, workspace.geometry);
  rows_.write_list(ordinal, workspace.chosen(count));
  return count >= std::min<std::size_t>(kFewNeighbours, list.size());
}

}  // namespace orthant
