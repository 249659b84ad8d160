#pragma once
// The second stage of a query: which points a cross-encoder reads, and what becomes of the order. Free functions, any thread.
// Private to engine.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection.h"
#include "engine/requests.h"

namespace orthant {

// The points of a first stage that have a text, in its order.
struct RerankCandidates {
  std::vector<std::size_t> positions;  // among the points
  std::vector<std::string> texts;      // one a position
};

// How many points the first stage has to give.
std::size_t first_stage_limit(const QueryRequest& query);

// The stage's field of the payload, or else the source text of the vector that was searched (of another where that came as
// numbers). At most stage.candidates points are looked at.
Result<RerankCandidates> read_candidates(const Collection& collection, std::span<const ScoredPoint> points,
                                         const RerankStage& stage, std::string_view vector_name);

// Puts the candidates first, by descending score (equal ones in the order of the first stage), the others behind; then takes the
// page that the query asks for.
void apply_scores(const RerankCandidates& candidates, std::span<const float> scores, const QueryRequest& query,
                  QueryResult& result);

// Payload, texts and vectors as the query wants them: the first stage read none. A point that was deleted meanwhile goes.
Status read_contents(const Collection& collection, const QueryRequest& query, QueryResult& result);

}  // namespace orthant
