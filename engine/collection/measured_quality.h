#pragma once
// A measurement of one vector of a collection, and when it was made: plain values.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/point_id.h"
#include "index/quality.h"

namespace orthant {

struct MeasuredQuality {
  IndexQuality index;
  std::size_t sampled_rows = 0;         // as asked for
  std::size_t store_bytes_per_row = 0;  // of the vector as the store holds it
  std::chrono::system_clock::time_point measured_at;
};

struct QualityAnswer {
  std::shared_ptr<const MeasuredQuality> measured;
  bool kept = false;  // from an earlier request
  // The rows have doubled or halved since, or other codes or another structure serve now.
  bool outdated = false;
};

// Given queries as the collection ranks them, and where given points stand.
struct RankedQueries {
  IndexQuality index;             // with rankings
  std::vector<Ordinal> ordinals;  // one a point; kNoOrdinal: there is none
};

}  // namespace orthant
