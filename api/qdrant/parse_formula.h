#pragma once
// {"formula": expression, "defaults": {..}} -> engine/query/formula.h. Errors as in api/json/json_reader.h. Pure functions, any
// thread.

#include "api/json/json_reader.h"
#include "engine/query/query_tree.h"

namespace orthant::qdrant {

// `query` holds the member "formula".
Result<Formula> parse_formula(JsonValue query);

}  // namespace orthant::qdrant
