#include "index/candidates/graph_landmarks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "index/candidates/row_geometry.h"
#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

constexpr std::size_t kRowsPerLandmark = 256;
constexpr std::size_t kFewestLandmarks = 64;
constexpr std::size_t kMostLandmarks = 512;
// Walks begin at so many of them.
constexpr std::size_t kStarts = 8;
// Landmarks whose distances stand for those of rows in general.
constexpr std::size_t kSampled = 64;

// The nearest that are wanted in ascending order, as positions; returns their number.
template <typename Wanted>
std::size_t nearest_few(const float* distances, std::size_t count, const Wanted& wanted, std::array<Candidate, kStarts>& nearest) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if ((size == kStarts && !(distances[i] < nearest[kStarts - 1].distance)) || !wanted(i)) continue;
    std::size_t at = size < kStarts ? size++ : kStarts - 1;
    for (; at > 0 && distances[i] < nearest[at - 1].distance; --at) nearest[at] = nearest[at - 1];
    nearest[at] = {distances[i], static_cast<std::uint32_t>(i)};
  }
  return size;
}

// So many at most, evenly.
std::vector<Ordinal> every_few(std::span<const Ordinal> ordinals, std::size_t most) {
  std::vector<Ordinal> chosen;
  const std::size_t stride = (ordinals.size() + most - 1) / most;
  for (std::size_t i = 0; i < ordinals.size(); i += stride) chosen.push_back(ordinals[i]);
  return chosen;
}

// Changes the order.
float middle_of(std::span<float> distances) {
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::ranges::nth_element(distances, middle);
  return *middle;
}

template <typename Wanted>
std::vector<Ordinal> spread_rows(Ordinal end, const Wanted& wanted) {
  std::vector<Ordinal> chosen;
  const std::size_t count = std::clamp<std::size_t>(end / kRowsPerLandmark, kFewestLandmarks, kMostLandmarks);
  const std::size_t stride = std::max<std::size_t>(1, end / count);
  for (std::size_t first = 0; first < end; first += stride) {
    const std::size_t stop = std::min<std::size_t>(end, first + stride);
    for (std::size_t row = first; row < stop; ++row) {
      if (!wanted(static_cast<Ordinal>(row))) continue;
      chosen.push_back(static_cast<Ordinal>(row));
      break;
    }
  }
  return chosen;
}

}  // namespace

void GraphLandmarks::choose(const GraphRows& rows, const CodeTables& tables, Ordinal end) {
  auto set = std::make_unique<Set>();
  set->ordinals = spread_rows(end, [&](Ordinal row) { return rows.has_list(row); });
  if (set->ordinals.empty()) set->ordinals = spread_rows(end, [&](Ordinal row) { return !tables.is_buried(row); });
  next_choice_ = set->ordinals.empty() ? 0 : end + end / 4 + 1;
  if (set->ordinals.empty()) {
    current_.store(nullptr, std::memory_order_release);
    return;
  }
  set->lines = AlignedArray<std::uint8_t>(set->ordinals.size() * rows.line_bytes());
  for (std::size_t i = 0; i < set->ordinals.size(); ++i) {
    std::memcpy(set->lines.data() + i * rows.line_bytes(), rows.line(set->ordinals[i]), rows.line_bytes());
  }
  set->spread = spread_between(tables, rows, metric_, distance_kernels(), every_few(set->ordinals, kSampled));
  memory_bytes_.fetch_add(set->lines.size() + set->ordinals.size() * sizeof(Ordinal), std::memory_order_relaxed);
  current_.store(set.get(), std::memory_order_release);
  sets_.push_back(std::move(set));
}

void GraphLandmarks::find(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate, const RowMask* mask,
                          GraphScratch& scratch) const {
  scratch.starts.ordinals.clear();
  const Set* set = current_.load(std::memory_order_acquire);
  if (set == nullptr) return;
  const std::size_t count = set->ordinals.size();
  scratch.make_room(count);
  auto& lines = scratch.batches[0].lines;
  for (std::size_t i = 0; i < count; ++i) lines[i] = set->lines.data() + i * rows.line_bytes();
  estimate_lines(rows, kernels, estimate, lines.data(), count, scratch);
  float reach = 0;
  scratch.starts.low = std::numeric_limits<float>::max();
  const auto add_nearest = [&](const auto& wanted) {
    std::array<Candidate, kStarts> nearest;
    const std::size_t found = nearest_few(scratch.distances.data(), count, wanted, nearest);
    for (const Candidate& candidate : std::span(nearest).first(found)) {
      scratch.starts.ordinals.push_back(set->ordinals[candidate.ordinal]);
      scratch.starts.low = std::min(scratch.starts.low, candidate.distance);
      reach = std::max(reach, estimate.reach * rows.scale(lines[candidate.ordinal]));
    }
  };
  add_nearest([](std::size_t) { return true; });
  if (mask != nullptr) add_nearest([&](std::size_t i) { return mask->contains(set->ordinals[i]); });
  scratch.starts.low -= reach;
  scratch.starts.spread = set->spread;
  scratch.starts.high = middle_of(std::span(scratch.distances).first(std::min(count, kSampled)));
}

}  // namespace orthant
