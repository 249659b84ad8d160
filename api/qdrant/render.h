#pragma once
// Engine values -> JSON of the Qdrant dialect. Each writes one JSON value. Pure functions, any thread.

#include <span>

#include "api/json/json_writer.h"
#include "base/point_id.h"
#include "engine/requests.h"

namespace orthant::qdrant {

void write_point_id(JsonWriter& json, const PointId& id);
// {"id", "payload"?, "vector"?}
void write_record(JsonWriter& json, const Record& record);
void write_records(JsonWriter& json, std::span<const Record> records);
// [{"id", "version", "score", "payload"?, "vector"?}]
void write_scored_points(JsonWriter& json, std::span<const ScoredPoint> points);
// {"groups": [{"id", "hits": [..], "lookup"?}]}
void write_groups(JsonWriter& json, std::span<const PointGroup> groups);
// {"pairs": [{"a", "b", "score"}]} and {"offsets_row", "offsets_col", "scores", "ids"}
void write_matrix_pairs(JsonWriter& json, const MatrixResult& matrix);
void write_matrix_offsets(JsonWriter& json, const MatrixResult& matrix);
// {"hits": [{"value", "count"}]}
void write_facet(JsonWriter& json, std::span<const FacetHit> hits);
// How the answer to a query came about, for "explain": true.
void write_explanation(JsonWriter& json, const QueryExplanation& explanation);
// {"operation_id", "status"}; "truncated" lists positions of points whose text was cut.
void write_update_result(JsonWriter& json, const WriteResult& result);

}  // namespace orthant::qdrant
