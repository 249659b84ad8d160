#include "api/qdrant/parse_write.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_filter.h"

namespace orthant::qdrant {
namespace {

Result<std::string> find_payload(JsonValue object, std::string_view name) {
  const auto payload = object.find(name);
  if (!payload) return std::string("{}");
  return payload_text(*payload);
}

Result<PointInput> parse_point(JsonValue value, const CodeForms& forms) {
  ORTHANT_TRY(value.expect_object());
  PointInput point;
  point.id = ORTHANT_TRY(parse_point_id(ORTHANT_TRY(value.require("id"))));
  const auto vector = find_vector(value);
  point.vectors = ORTHANT_TRY(parse_vectors(vector ? *vector : ORTHANT_TRY(value.require("vector")), forms));
  point.payload = ORTHANT_TRY(find_payload(value, "payload"));
  return point;
}

Result<std::vector<PointInput>> parse_point_list(JsonValue list, const CodeForms& forms) {
  ORTHANT_TRY(list.expect_array());
  std::vector<PointInput> points;
  points.reserve(list.size());
  for (const JsonValue value : list.items()) points.push_back(ORTHANT_TRY(parse_point(value, forms)));
  return points;
}

// The column form. `vectors` is a list, one entry a point, or an object of such lists by vector name.
Status parse_batch_vectors(JsonValue vectors, const CodeForms& forms, std::vector<PointInput>& points) {
  const auto check_length = [&](JsonValue list) -> Status {
    ORTHANT_TRY(list.expect_array());
    if (list.size() == points.size()) return {};
    return list.validation_error(fmt::format("number of ids and vectors must be equal ({} != {})", points.size(), list.size()));
  };
  if (!vectors.is_object()) {
    ORTHANT_TRY(check_length(vectors));
    std::size_t i = 0;
    for (const JsonValue value : vectors.items()) points[i++].vectors = ORTHANT_TRY(parse_vectors(value, forms));
    return {};
  }
  for (const JsonValue list : vectors.items()) {
    ORTHANT_TRY(check_length(list));
    const std::string name = list.key();
    const auto form = forms.find(name);
    std::size_t i = 0;
    for (const JsonValue value : list.items()) {
      VectorInput vector = ORTHANT_TRY(parse_vector(value, form == forms.end() ? VectorForm::kFloat32 : form->second));
      points[i++].vectors.emplace_back(name, std::move(vector));
    }
  }
  return {};
}

Result<std::vector<PointInput>> parse_batch(JsonValue batch, const CodeForms& forms) {
  const std::vector<PointId> ids = ORTHANT_TRY(parse_point_ids(ORTHANT_TRY(batch.require("ids"))));
  std::vector<PointInput> points(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) points[i].id = ids[i];
  ORTHANT_TRY(parse_batch_vectors(ORTHANT_TRY(batch.require("vectors")), forms, points));
  const auto payloads = batch.find("payloads");
  if (!payloads) return points;
  ORTHANT_TRY(payloads->expect_array());
  if (payloads->size() != points.size()) {
    return payloads->validation_error(
        fmt::format("number of ids and payloads must be equal ({} != {})", points.size(), payloads->size()));
  }
  std::size_t i = 0;
  for (const JsonValue payload : payloads->items()) points[i++].payload = ORTHANT_TRY(payload_text(payload));
  return points;
}

Result<UpdateMode> parse_update_mode(JsonValue body) {
  const auto value = body.find("update_mode");
  if (!value) return UpdateMode::kUpsert;
  const std::string name = ORTHANT_TRY(value->as_string());
  if (name == "upsert") return UpdateMode::kUpsert;
  if (name == "insert_only") return UpdateMode::kInsertOnly;
  if (name == "update_only") return UpdateMode::kUpdateOnly;
  return value->format_error("unknown variant `" + name + "`, expected one of `upsert`, `insert_only`, `update_only`");
}

// A document anywhere among the points that asks for it: the request's texts are refused where they are too long.
Result<bool> any_refuses_truncation(JsonValue points) {
  for (const JsonValue point : points.items()) {
    const auto vector = find_vector(point);
    if (!vector) continue;
    if (is_document(*vector) && ORTHANT_TRY(refuses_truncation(*vector))) return true;
    if (!vector->is_object()) continue;
    for (const JsonValue member : vector->items()) {
      if (is_document(member) && ORTHANT_TRY(refuses_truncation(member))) return true;
    }
  }
  return false;
}

template <typename Parse, typename... Forms>
Result<WriteRequest> as_write_request(Parse parse, JsonValue body, const Forms&... forms) {
  return WriteRequest(ORTHANT_TRY(parse(body, forms...)));
}

Result<WriteRequest> parse_operation(JsonValue operation, const CodeForms& forms) {
  if (const auto body = operation.find("upsert")) return as_write_request(parse_upsert, *body, forms);
  if (const auto body = operation.find("delete")) return as_write_request(parse_delete, *body);
  if (const auto body = operation.find("set_payload")) return as_write_request(parse_set_payload, *body);
  if (const auto body = operation.find("overwrite_payload")) return as_write_request(parse_overwrite_payload, *body);
  if (const auto body = operation.find("delete_payload")) return as_write_request(parse_delete_payload, *body);
  if (const auto body = operation.find("clear_payload")) return as_write_request(parse_clear_payload, *body);
  if (const auto body = operation.find("update_vectors")) return as_write_request(parse_update_vectors, *body, forms);
  if (const auto body = operation.find("delete_vectors")) return as_write_request(parse_delete_vectors, *body);
  return operation.expected(
      "one of upsert, delete, set_payload, overwrite_payload, delete_payload, clear_payload, update_vectors, delete_vectors");
}

}  // namespace

std::optional<JsonValue> find_vector(JsonValue point) {
  const auto vector = point.find("vector");
  return vector ? vector : point.find("vectors");
}

Result<UpsertRequest> parse_upsert(JsonValue body, const CodeForms& forms) {
  ORTHANT_TRY(body.expect_object());
  UpsertRequest request;
  request.mode = ORTHANT_TRY(parse_update_mode(body));
  request.update_filter = ORTHANT_TRY(find_filter(body, "update_filter"));
  if (const auto batch = body.find("batch")) {
    request.points = ORTHANT_TRY(parse_batch(*batch, forms));
    return request;
  }
  const JsonValue points = ORTHANT_TRY(body.require("points"));
  request.points = ORTHANT_TRY(parse_point_list(points, forms));
  request.refuse_truncation = ORTHANT_TRY(any_refuses_truncation(points));
  return request;
}

Result<DeletePoints> parse_delete(JsonValue body) {
  // Older clients send the bare list of ids.
  if (body.is_array()) return DeletePoints{ORTHANT_TRY(parse_point_ids(body))};
  return DeletePoints{ORTHANT_TRY(parse_point_selector(body))};
}

Result<UpdateVectors> parse_update_vectors(JsonValue body, const CodeForms& forms) {
  const JsonValue points = ORTHANT_TRY(body.require("points"));
  UpdateVectors request{.points = ORTHANT_TRY(parse_point_list(points, forms))};
  if (request.points.empty()) return points.validation_error("must specify points to update");
  const auto bare = std::ranges::find_if(request.points, [](const PointInput& point) { return point.vectors.empty(); });
  if (bare != request.points.end()) {
    return json_validation_error(
        fmt::format("points[{}].vector: must specify vectors to update for point", bare - request.points.begin()));
  }
  request.update_filter = ORTHANT_TRY(find_filter(body, "update_filter"));
  return request;
}

Result<DeleteVectors> parse_delete_vectors(JsonValue body) {
  DeleteVectors request;
  request.points = ORTHANT_TRY(parse_point_selector(body));
  auto names = body.find("vector");
  if (!names) names = body.find("vectors");
  if (!names) return body.format_error("missing field `vector`");
  request.names = ORTHANT_TRY(names->as_strings());
  if (request.names.empty()) return names->validation_error("no vector is named");
  return request;
}

Result<SetPayload> parse_set_payload(JsonValue body) {
  SetPayload request;
  request.payload = ORTHANT_TRY(payload_text(ORTHANT_TRY(body.require("payload"))));
  request.points = ORTHANT_TRY(parse_point_selector(body));
  request.key = ORTHANT_TRY(body.find_string("key"));
  return request;
}

Result<OverwritePayload> parse_overwrite_payload(JsonValue body) {
  OverwritePayload request;
  request.payload = ORTHANT_TRY(payload_text(ORTHANT_TRY(body.require("payload"))));
  request.points = ORTHANT_TRY(parse_point_selector(body));
  return request;
}

Result<DeletePayload> parse_delete_payload(JsonValue body) {
  DeletePayload request;
  const JsonValue keys = ORTHANT_TRY(body.require("keys"));
  ORTHANT_TRY(keys.expect_array());
  request.keys = ORTHANT_TRY(keys.as_strings());
  request.points = ORTHANT_TRY(parse_point_selector(body));
  return request;
}

Result<ClearPayload> parse_clear_payload(JsonValue body) {
  if (body.is_array()) return ClearPayload{ORTHANT_TRY(parse_point_ids(body))};
  return ClearPayload{ORTHANT_TRY(parse_point_selector(body))};
}

Result<std::vector<WriteRequest>> parse_write_batch(JsonValue body, const CodeForms& forms) {
  const JsonValue operations = ORTHANT_TRY(body.require("operations"));
  ORTHANT_TRY(operations.expect_array());
  std::vector<WriteRequest> requests;
  for (const JsonValue operation : operations.items()) requests.push_back(ORTHANT_TRY(parse_operation(operation, forms)));
  return requests;
}

Status check_has_points(const WriteRequest& operation) {
  struct HasPoints {
    bool operator()(const std::vector<PointInput>& points) const { return !points.empty(); }
    bool operator()(const PointSelector& selector) const {
      const auto* ids = std::get_if<std::vector<PointId>>(&selector);
      return ids == nullptr || !ids->empty();
    }
  };
  if (std::visit([](const auto& request) { return HasPoints()(request.points); }, operation)) return {};
  return bad_request("Empty update request");
}

}  // namespace orthant::qdrant
