#pragma once
// The parameters of one vector of a collection: parsed into what the engine uses, and kept as options for what is given back. Pure
// functions, any thread.

#include "api/json/json_reader.h"
#include "api/qdrant/collection_settings.h"

namespace orthant::qdrant {

// {"size", "distance", "datatype"?, "multivector_config"?, ..}
Result<VectorConfig> parse_vector_params(JsonValue params, JsonFields& options);
// {"modifier"?, "index"?: {..}}
Result<VectorConfig> parse_sparse_params(JsonValue params, JsonFields& options);
// Options of a vector that may also be changed later.
Status parse_vector_options(JsonValue params, JsonFields& fields);

FloatResidency residency_of(const JsonFields& options);
// What the whole collection's settings say of one dense vector or multivector.
void apply_collection_settings(const CollectionSettings& settings, const std::string& name, VectorConfig& vector);

}  // namespace orthant::qdrant
