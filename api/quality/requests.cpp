#include "api/quality/requests.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/parse_number.h"

namespace orthant::quality {
namespace {

std::unexpected<Error> bad_parameter(std::string_view name, std::string_view value, std::string_view expected) {
  return invalid_argument(fmt::format("Format error in query parameters: {}: found '{}', expected {}", name, value, expected));
}

std::string sample_bounds() {
  return fmt::format("must be from {} to {}", kSmallestQualitySample, kLargestQualitySample);
}

bool is_sample_size(std::uint64_t samples) {
  return samples >= kSmallestQualitySample && samples <= kLargestQualitySample;
}

Status expect_members(JsonValue object, std::initializer_list<std::string_view> known) {
  ORTHANT_TRY(object.expect_object());
  for (const JsonValue member : object.items()) {
    if (std::ranges::find(known, member.key()) != known.end()) continue;
    return object.format_error(fmt::format("unknown field `{}`, expected one of `{}`", member.key(), fmt::join(known, "`, `")));
  }
  return {};
}

// As point ids stand in the members' names of JSON: digits, or a UUID.
Result<PointId> parse_point(JsonValue relevance) {
  const std::string name = relevance.key();
  if (const auto number = parse_number<std::uint64_t>(name)) return PointId::number(*number);
  if (const auto uuid = PointId::parse_uuid(name)) return *uuid;
  return relevance.format_error(fmt::format("`{}` is not a point id: expected an integer or a UUID", name));
}

using Judgements = std::vector<std::pair<PointId, std::int32_t>>;

Result<std::map<std::string, Judgements>> parse_judgements(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  std::map<std::string, Judgements> judgements;
  for (const JsonValue of_query : value.items()) {
    ORTHANT_TRY(of_query.expect_object());
    std::map<PointId, std::int32_t> points;
    for (const JsonValue relevance : of_query.items()) {
      const PointId point = ORTHANT_TRY(parse_point(relevance));
      const std::int64_t grade = ORTHANT_TRY(relevance.as_int());
      if (grade < std::numeric_limits<std::int32_t>::min() || grade > std::numeric_limits<std::int32_t>::max()) {
        return relevance.out_of_range("must fit 32 bits");
      }
      points[point] = static_cast<std::int32_t>(grade);
    }
    judgements[of_query.key()] = Judgements(points.begin(), points.end());
  }
  return judgements;
}

struct NamedQuery {
  std::string id;
  VectorInput query;
};

Result<NamedQuery> parse_query(JsonValue value) {
  ORTHANT_TRY(expect_members(value, {"id", "text", "model", "vector"}));
  const JsonValue id = ORTHANT_TRY(value.require("id"));
  NamedQuery query;
  query.id = id.is_integer() ? std::string(id.raw()) : ORTHANT_TRY(id.as_string());
  const auto text = value.find("text");
  const auto vector = value.find("vector");
  if (text.has_value() == vector.has_value()) return value.format_error("expected one of `text` and `vector`");
  if (vector) {
    if (value.find("model")) return value.format_error("`model` goes with `text`");
    query.query = ORTHANT_TRY(vector->as_floats());
  } else {
    query.query = TextInput{ORTHANT_TRY(text->as_string()), ORTHANT_TRY(value.find_string("model")).value_or("")};
  }
  return query;
}

Result<std::vector<JudgedQuery>> parse_judged(JsonValue queries, JsonValue judgements) {
  std::map<std::string, Judgements> by_query = ORTHANT_TRY(parse_judgements(judgements));
  ORTHANT_TRY(queries.expect_array());
  std::vector<JudgedQuery> judged;
  std::set<std::string> known;
  for (const JsonValue item : queries.items()) {
    NamedQuery query = ORTHANT_TRY(parse_query(item));
    if (!known.insert(query.id).second) return item.validation_error(fmt::format("the id `{}` is there twice", query.id));
    const auto found = by_query.find(query.id);
    if (found == by_query.end() || found->second.empty()) continue;
    judged.push_back({std::move(query.query), std::move(found->second)});
  }
  for (const auto& [id, points] : by_query) {
    if (!known.contains(id)) return judgements.validation_error(fmt::format("`{}` is the id of no query", id));
  }
  if (judged.empty()) return judgements.validation_error("no query is judged");
  return judged;
}

}  // namespace

Result<QualityFormat> parse_format(const Request& request) {
  const auto format = request.query.find("format");
  if (!format || *format == "json") return QualityFormat::kJson;
  if (*format == "csv") return QualityFormat::kCsv;
  if (*format == "svg") return QualityFormat::kSvg;
  return bad_parameter("format", *format, "json, csv or svg");
}

Result<CollectionQualityRequest> parse_parameters(const Request& request) {
  CollectionQualityRequest wanted;
  wanted.vector_name = request.query.find("vector").value_or("");
  if (const auto samples = request.query.find("samples")) {
    const auto number = parse_number<std::uint64_t>(*samples);
    if (!number) return bad_parameter("samples", *samples, "a whole number");
    if (!is_sample_size(*number)) {
      return invalid_argument(
          fmt::format("Validation error in query parameters: [samples: value {} invalid, {}]", *number, sample_bounds()));
    }
    wanted.sampled_rows = *number;
  }
  if (const auto refresh = request.query.find("refresh")) {
    if (*refresh != "true" && *refresh != "false") return bad_parameter("refresh", *refresh, "true or false");
    wanted.refresh = *refresh == "true";
  }
  return wanted;
}

Result<CollectionQualityRequest> parse_body(JsonValue body) {
  ORTHANT_TRY(expect_members(body, {"vector", "samples", "refresh", "queries", "judgements"}));
  CollectionQualityRequest wanted;
  wanted.vector_name = ORTHANT_TRY(body.find_string("vector")).value_or("");
  wanted.refresh = ORTHANT_TRY(body.find_bool("refresh")).value_or(false);
  if (const auto samples = body.find("samples")) {
    const std::uint64_t number = ORTHANT_TRY(samples->as_uint());
    if (!is_sample_size(number)) return samples->out_of_range(sample_bounds());
    wanted.sampled_rows = number;
  }
  const JsonValue queries = ORTHANT_TRY(body.require("queries"));
  const JsonValue judgements = ORTHANT_TRY(body.require("judgements"));
  wanted.judged = ORTHANT_TRY(parse_judged(queries, judgements));
  return wanted;
}

}  // namespace orthant::quality
