#include "engine/rerank_stage.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "engine/payload/json_path.h"
#include "engine/payload/payload_text.h"

namespace orthant {
namespace {

std::unordered_map<PointId, Record*> by_id(std::vector<Record>& records) {
  std::unordered_map<PointId, Record*> found;
  for (Record& record : records) found.emplace(record.id, &record);
  return found;
}

std::optional<std::string> source_text(const Record& record, std::string_view vector_name) {
  for (const auto& [name, text] : record.texts) {
    if (name == vector_name) return text;
  }
  if (record.texts.empty()) return std::nullopt;
  return record.texts.front().second;
}

std::vector<PointId> ids_of(std::span<const ScoredPoint> points) {
  std::vector<PointId> ids;
  for (const ScoredPoint& point : points) ids.push_back(point.record.id);
  return ids;
}

}  // namespace

std::size_t first_stage_limit(const QueryRequest& query) {
  const std::size_t page = query.limit + std::min(query.offset, SIZE_MAX - query.limit);
  return std::max(page, query.rerank->candidates);
}

Result<RerankCandidates> read_candidates(const Collection& collection, std::span<const ScoredPoint> points,
                                         const RerankStage& stage, std::string_view vector_name) {
  std::optional<JsonPath> path;
  if (!stage.field.empty()) path = ORTHANT_TRY(JsonPath::parse(stage.field));
  const std::span<const ScoredPoint> best = points.first(std::min(points.size(), stage.candidates));
  std::vector<Record> records = ORTHANT_TRY(collection.retrieve(ids_of(best), {.enabled = true}, {}));
  const auto found = by_id(records);
  RerankCandidates candidates;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const auto record = found.find(best[i].record.id);
    if (record == found.end()) continue;
    std::optional<std::string> text =
        path ? text_in_payload(record->second->payload.value_or("{}"), *path) : source_text(*record->second, vector_name);
    if (!text || text->empty()) continue;
    candidates.positions.push_back(i);
    candidates.texts.push_back(*std::move(text));
  }
  return candidates;
}

void apply_scores(const RerankCandidates& candidates, std::span<const float> scores, const QueryRequest& query,
                  QueryResult& result) {
  std::vector<std::size_t> order(candidates.positions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  std::vector<ScoredPoint> ordered;
  std::vector<bool> taken(result.points.size());
  for (const std::size_t candidate : order) {
    const std::size_t position = candidates.positions[candidate];
    taken[position] = true;
    ordered.push_back({std::move(result.points[position].record), scores[candidate]});
  }
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    if (!taken[i]) ordered.push_back(std::move(result.points[i]));
  }
  const std::size_t first = std::min(query.offset, ordered.size());
  const std::size_t last = first + std::min(query.limit, ordered.size() - first);
  result.reranked = std::clamp(order.size(), first, last) - first;
  result.points.assign(std::make_move_iterator(ordered.begin() + static_cast<std::ptrdiff_t>(first)),
                       std::make_move_iterator(ordered.begin() + static_cast<std::ptrdiff_t>(last)));
}

Status read_contents(const Collection& collection, const QueryRequest& query, QueryResult& result) {
  if (!query.payload.enabled && !query.vectors.enabled) return {};
  std::vector<Record> records = ORTHANT_TRY(collection.retrieve(ids_of(result.points), query.payload, query.vectors));
  const auto found = by_id(records);
  std::vector<ScoredPoint> points;
  std::size_t reranked = 0;
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    const auto record = found.find(result.points[i].record.id);
    if (record == found.end()) continue;
    points.push_back({std::move(*record->second), result.points[i].score});
    reranked += i < *result.reranked ? 1 : 0;
  }
  result.points = std::move(points);
  result.reranked = reranked;
  return {};
}

}  // namespace orthant
