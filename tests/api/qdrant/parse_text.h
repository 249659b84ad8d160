#pragma once
// Parses a text and hands its root to one of the dialect's parsers; the document ends with the call.

#include <string>

#include "api/json/json_reader.h"

namespace orthant::test {

template <typename Parse, typename... More>
auto parse_json(std::string text, const Parse& parse, const More&... more) -> decltype(parse(std::declval<JsonValue>(), more...)) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::move(text)));
  return parse(document.root(), more...);
}

}  // namespace orthant::test
