// Answers that summarise points: groups, distance matrices, facets.

#include "api/qdrant/render.h"

namespace orthant::qdrant {
namespace {

void write_group_id(JsonWriter& json, const GroupId& id) {
  if (const auto* text = std::get_if<std::string>(&id)) {
    json.string(*text);
  } else if (const auto* number = std::get_if<std::uint64_t>(&id)) {
    json.number(*number);
  } else {
    json.number(std::get<std::int64_t>(id));
  }
}

void write_facet_value(JsonWriter& json, const FacetValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    json.string(*text);
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    json.number(*number);
  } else {
    json.boolean(std::get<bool>(value));
  }
}

}  // namespace

void write_groups(JsonWriter& json, std::span<const PointGroup> groups) {
  json.begin_object().key("groups").begin_array();
  for (const PointGroup& group : groups) {
    json.begin_object().key("id");
    write_group_id(json, group.id);
    json.key("hits");
    write_scored_points(json, group.hits);
    if (group.lookup) write_record(json.key("lookup"), *group.lookup);
    json.end_object();
  }
  json.end_array().end_object();
}

void write_matrix_pairs(JsonWriter& json, const MatrixResult& matrix) {
  json.begin_object().key("pairs").begin_array();
  for (std::size_t row = 0; row < matrix.ids.size(); ++row) {
    for (const auto& [position, score] : matrix.neighbours[row]) {
      json.begin_object().key("a");
      write_point_id(json, matrix.ids[row]);
      json.key("b");
      write_point_id(json, matrix.ids[position]);
      json.key("score").number(score).end_object();
    }
  }
  json.end_array().end_object();
}

void write_matrix_offsets(JsonWriter& json, const MatrixResult& matrix) {
  // One list over all pairs, row by row.
  const auto write_list = [&](std::string_view name, const auto& write_one) {
    json.key(name).begin_array();
    for (std::size_t row = 0; row < matrix.neighbours.size(); ++row) {
      for (const auto& neighbour : matrix.neighbours[row]) write_one(row, neighbour);
    }
    json.end_array();
  };
  json.begin_object();
  write_list("offsets_row", [&](std::size_t row, const MatrixResult::Neighbour&) { json.number(row); });
  write_list("offsets_col", [&](std::size_t, const MatrixResult::Neighbour& neighbour) { json.number(neighbour.position); });
  write_list("scores", [&](std::size_t, const MatrixResult::Neighbour& neighbour) { json.number(neighbour.score); });
  json.key("ids").begin_array();
  for (const PointId& id : matrix.ids) write_point_id(json, id);
  json.end_array().end_object();
}

void write_facet(JsonWriter& json, std::span<const FacetHit> hits) {
  json.begin_object().key("hits").begin_array();
  for (const FacetHit& hit : hits) {
    json.begin_object().key("value");
    write_facet_value(json, hit.value);
    json.key("count").number(hit.count).end_object();
  }
  json.end_array().end_object();
}

}  // namespace orthant::qdrant
