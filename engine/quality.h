#pragma once
// Quality of a collection's searches, as the engine is asked for it and answers. Plain values.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/collection/measured_quality.h"
#include "engine/requests.h"

namespace orthant {

struct JudgedQuery {
  VectorInput query;
  // Each point once. Relevance above 0 is relevant. Points that the collection lacks are never found, and still count in the ideal.
  std::vector<std::pair<PointId, std::int32_t>> judgements;
};

struct CollectionQualityRequest {
  static constexpr std::size_t kMaxQueries = 10'000;
  std::string vector_name;
  std::size_t sampled_rows = 0;  // 0: as many as the kept result, or else the usual number
  bool refresh = false;
  std::vector<JudgedQuery> judged;
};

// Means over the judged queries; measures as in engine/evaluation.h.
struct JudgedQuality {
  std::size_t queries = 0;
  std::size_t judged_points = 0;   // pairs of query and point
  std::size_t missing_points = 0;  // of those, points that the collection lacks
  double ndcg_at_10 = 0;
  double exact_ndcg_at_10 = 0;  // of exact float search
  double retention = 0;         // the first against the second; 1 where that is 0
  double recall_at_10 = 0;      // of relevant points
  double exact_recall_at_10 = 0;
  QualityPoint served;  // recall in it: of the ten nearest by exact floats
  std::size_t truncated = 0;
  std::map<std::string, std::uint64_t> tokens_by_model;
};

struct CollectionQuality {
  QualityAnswer answer;
  std::optional<JudgedQuality> judged;
};

}  // namespace orthant
