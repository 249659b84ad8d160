#include "api/bulk/document_line.h"

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/trimmed.h"

namespace orthant::bulk {
namespace {

Result<PointId> parse_id(JsonValue line) {
  auto value = line.find("id");
  if (!value) value = line.find("_id");
  if (!value) return line.format_error("missing field `id`");
  if (value->is_integer()) return PointId::number(ORTHANT_TRY(value->as_uint()));
  if (!value->is_string()) return value->expected("a number or a UUID");
  const std::string text = ORTHANT_TRY(value->as_string());
  if (const auto id = PointId::parse(text)) return *id;
  return value->format_error(fmt::format("'{}' is neither a number nor a UUID", text));
}

// Title, a space, text, stripped.
Result<std::string> parse_text(JsonValue line) {
  const JsonValue value = ORTHANT_TRY(line.require("text"));
  std::string text = ORTHANT_TRY(value.as_string());
  const auto title = ORTHANT_TRY(line.find_string("title"));
  if (title) text = *title + ' ' + text;
  std::string stripped(trimmed(text));
  if (stripped.empty()) return value.format_error("the text is empty");
  return stripped;
}

// The given payload, or the line's other members. A text that is encoded is kept by the engine, beside the payload.
Result<std::string> parse_payload(JsonValue line) {
  if (const auto payload = line.find("payload")) return payload_text(*payload);
  const bool encoded = !line.find("vector");
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const JsonValue member : line.items()) {
    const std::string name = member.key();
    const bool taken = name == "id" || name == "_id" || name == "vector" || name == "payload" || (encoded && name == "text");
    if (!taken) json.key(name).raw(member.raw());
  }
  json.end_object();
  return text;
}

}  // namespace

Result<PointInput> parse_document_line(std::string_view line, const LineTarget& target) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::string(line)));
  const JsonValue root = document.root();
  ORTHANT_TRY(root.expect_object());
  PointInput point;
  point.id = ORTHANT_TRY(parse_id(root));
  if (const auto vector = root.find("vector")) {
    point.vectors = ORTHANT_TRY(qdrant::parse_vectors(*vector, target.forms));
  } else {
    point.vectors.emplace_back(target.text_vector, TextInput{ORTHANT_TRY(parse_text(root)), target.model});
  }
  point.payload = ORTHANT_TRY(parse_payload(root));
  return point;
}

}  // namespace orthant::bulk
