#pragma once
// Bodies of write requests -> engine values. Errors as in api/json/json_reader.h. Pure functions, any thread.

#include <optional>
#include <vector>

#include "api/json/json_reader.h"
#include "api/qdrant/parse_fields.h"
#include "engine/requests.h"

namespace orthant::qdrant {

// Of a point: Qdrant takes `vector` and `vectors`.
std::optional<JsonValue> find_vector(JsonValue point);

// {"points": [{id, vector, payload}]} or {"batch": {ids, vectors, payloads}}, with update_filter and update_mode.
Result<UpsertRequest> parse_upsert(JsonValue body, const CodeForms& forms);
Result<DeletePoints> parse_delete(JsonValue body);
Result<UpdateVectors> parse_update_vectors(JsonValue body, const CodeForms& forms);
Result<DeleteVectors> parse_delete_vectors(JsonValue body);
Result<SetPayload> parse_set_payload(JsonValue body);
Result<OverwritePayload> parse_overwrite_payload(JsonValue body);
Result<DeletePayload> parse_delete_payload(JsonValue body);
Result<ClearPayload> parse_clear_payload(JsonValue body);

// {"operations": [{"upsert": ..}, {"delete": ..}, ..]}
Result<std::vector<WriteRequest>> parse_write_batch(JsonValue body, const CodeForms& forms);

// "Bad request: Empty update request" of an operation on a list of points that has none.
Status check_has_points(const WriteRequest& operation);

}  // namespace orthant::qdrant
