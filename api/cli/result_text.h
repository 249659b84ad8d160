#pragma once
// Search results for people: one found document as a few lines of text. Free functions, no shared state.

#include <cstddef>
#include <string>
#include <string_view>

#include "api/json/json_reader.h"
#include "base/result.h"

namespace orthant {

struct FoundDocument {
  std::string id;  // the user's own where it was mapped (`_id` of the payload)
  double score = 0;
  std::string title;  // empty where the payload has none
  std::string text;   // that the daemon kept, without the title; else the payload's `text`, else the payload as JSON
};

// `point` is an element of the answer's `points`.
Result<FoundDocument> found_document(JsonValue point);

// " 1  0.6214  4983  Title", then the beginning of the text, indented and broken into lines.
std::string result_text(std::size_t rank, const FoundDocument& document);

// The text without control characters and with single spaces, cut at a character's and if possible at a word's end.
std::string snippet(std::string_view text, std::size_t max_characters);

}  // namespace orthant
