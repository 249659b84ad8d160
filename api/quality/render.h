#pragma once
// The quality of a collection -> JSON and CSV: docs/http_api.md describes them field by field. Pure functions, any thread.

#include <string>
#include <string_view>

#include "api/json/json_writer.h"
#include "engine/quality.h"

namespace orthant::quality {

// What is asked about.
struct QualitySubject {
  std::string collection;
  std::string vector;
};

void write_quality(JsonWriter& json, const QualitySubject& subject, const CollectionQuality& quality);

// A line a point; the first is how searches go at the collection's target (column `served` 1).
std::string quality_csv(const IndexQuality& quality);

}  // namespace orthant::quality
