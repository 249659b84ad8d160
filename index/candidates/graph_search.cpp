#include "index/candidates/graph_search.h"

#include <cmath>

#include "index/top_k.h"

namespace orthant {

RowEstimate make_row_estimate(const BitPlanes& planes, float metric_slope, float constant, RowEstimate::Added added) {
  RowEstimate estimate;
  estimate.planes = planes.query();
  estimate.slope = metric_slope * planes.slope;
  estimate.base = metric_slope * planes.base;
  estimate.reach = metric_slope * planes.reach;
  estimate.constant = constant;
  estimate.added = added;
  return estimate;
}

GraphScratch& graph_scratch() {
  thread_local GraphScratch scratch;
  return scratch;
}

void estimate_lines(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate,
                    const std::uint8_t* const* lines, std::size_t count, GraphScratch& scratch) {
  kernels.plane_sums_list(estimate.planes, lines, count, scratch.sums.data());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* line = lines[i];
    const float sum = estimate.slope * static_cast<float>(scratch.sums[i]) + estimate.base;
    float distance = rows.scale(line) * sum + estimate.constant;
    if (estimate.added == RowEstimate::Added::kSquaredNorm) {
      distance += rows.squared_norm(line);
    } else if (estimate.added == RowEstimate::Added::kLift) {
      distance -= estimate.lift * std::sqrt(std::max(0.0f, estimate.largest_squared_norm - rows.squared_norm(line)));
    }
    scratch.distances[i] = finite_distance(distance);
  }
}

void GraphSearch::add_list_of_mask(Ordinal ordinal) {
  // About what an expansion brings without a mask, less what was met before.
  const std::size_t enough = filling_->count + rows_.degree() * 3 / 4;
  const auto add_inside = [&](Ordinal row, bool keep_outside) {
    rows_.visit_list(row, [&](Ordinal neighbour) {
      if (neighbour >= end_) return true;
      if (mask_->contains(neighbour)) {
        add(neighbour);
      } else if (keep_outside && scratch_.visited.add(neighbour)) {
        scratch_.visited.remember(&neighbour, 1);
        scratch_.outside.push_back(neighbour);
        rows_.fetch_list(neighbour);
      }
      return filling_->count < enough;
    });
  };
  scratch_.outside.clear();
  add_inside(ordinal, true);
  for (std::size_t i = 0; i < scratch_.outside.size() && filling_->count < enough; ++i) add_inside(scratch_.outside[i], false);
}

}  // namespace orthant
