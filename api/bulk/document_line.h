#pragma once
// One line of bulk ingestion -> a point. Pure functions, any thread.

#include <string>
#include <string_view>

#include "api/qdrant/parse_fields.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::bulk {

// What lines are read for.
struct LineTarget {
  std::string text_vector;  // the vector that texts go to
  std::string model;        // empty: the collection's encoder
  qdrant::CodeForms forms;
};

// {"id": .., "text": .., "payload": {..}}:
//   "id" or "_id"   a number, a string that holds a number, or a UUID
//   "text"          encoded; with "title" before it where there is one. Not needed beside "vector"
//   "vector"        instead of encoding: a list, or an object by vector name
//   "payload"       kept as given; without it, the line's other members are the payload (title included; the text is kept beside
//                   the payload where it is encoded)
// Errors are invalid_argument and name the field.
Result<PointInput> parse_document_line(std::string_view line, const LineTarget& target);

}  // namespace orthant::bulk
