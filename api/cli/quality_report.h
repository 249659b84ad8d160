#pragma once
// The quality of a collection for people: what `orthant quality` prints. Pure functions, any thread.

#include <string>

#include "api/cli/beir_dataset.h"
#include "api/json/json_reader.h"
#include "base/result.h"

namespace orthant {

// `quality` is the daemon's `result` (docs/http_api.md): the figures, a table of the curve, and the curve in characters.
Result<std::string> quality_text(JsonValue quality);

// The body that asks for the quality on judged queries. Ids of documents are mapped as ingestion maps them. `samples` 0: the
// daemon's own number.
std::string judged_quality_body(const JudgedQueries& judged, const std::string& vector, std::uint64_t samples, bool refresh);

}  // namespace orthant
