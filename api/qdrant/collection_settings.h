#pragma once
// CollectionSettings: a collection's configuration as Qdrant's users see it. What the engine uses of it goes into CollectionConfig;
// all of it, also what has no meaning for Orthant (graph parameters, replication), is kept as given and given back, with Qdrant's
// defaults where nothing was given. Stored as CollectionConfig::dialect_json. Plain values.

#include <map>
#include <string>
#include <string_view>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/result.h"
#include "engine/payload/field_schema.h"
#include "engine/requests.h"

namespace orthant::qdrant {

// Member name -> JSON text.
using JsonFields = std::map<std::string, std::string>;

struct CollectionSettings {
  std::map<std::string, JsonFields> vectors;         // by vector name: options as given, without size and distance
  std::map<std::string, JsonFields> sparse_vectors;  // the same of sparse vectors, without the modifier
  bool had_sparse = false;                           // the last one was deleted: "sparse_vectors" is told as {}
  JsonFields params;                                 // shard_number, replication_factor, ...
  JsonFields hnsw_config;
  JsonFields optimizers_config;
  JsonFields wal_config;
  JsonFields strict_mode_config;
  JsonFields metadata;
  JsonFields payload_schema;        // field -> schema as given: a type's name or an object
  std::string quantization_config;  // JSON; empty: none
  std::string created_at;           // RFC 3339; empty: made by a version that did not record it

  std::string to_json() const;
  // What to_json() wrote; unknown members are dropped.
  static Result<CollectionSettings> from_json(std::string_view json);
};

// PUT /collections/{c}
Result<CollectionConfig> parse_create_collection(JsonValue body);

// PUT /collections/{c}/vectors/{name}: {"dense": {..}} or {"sparse": {..}} (vector_params.cpp).
struct NamedVector {
  VectorConfig config;
  JsonFields options;
};
Result<NamedVector> parse_named_vector(JsonValue body);
// already there: nothing changes where it is the same, invalid_argument otherwise.
Status add_named_vector(const std::string& name, const NamedVector& vector, CollectionConfig& config);
// invalid_argument when there is no such vector.
Status remove_named_vector(const std::string& name, CollectionConfig& config);

// PATCH /collections/{c}: `change` holds only what was given. "Disabled" clears a quantization_config.
struct CollectionChange {
  CollectionSettings given;
  std::map<std::string, JsonFields> vectors;
  std::map<std::string, NamedVector> sparse_vectors;
  bool has_quantization = false;
};
Result<CollectionChange> parse_update_collection(JsonValue body);
// invalid_argument names a vector that the collection lacks.
Status apply_change(const CollectionChange& change, CollectionConfig& config);

// PUT /collections/{c}/index: {"field_name", "field_schema"} (field_index_schema.cpp). Stemmers, stop words by language and options
// of later versions are refused by name.
struct FieldIndex {
  std::string field;
  std::string given;  // JSON: a type's name or an object with "type"
  FieldSchema schema;
};
Result<FieldIndex> parse_field_index(JsonValue body);
// "keyword", "integer", ..
std::string_view field_type_name(FieldType type);
Status add_field_index(const FieldIndex& index, CollectionConfig& config);
Status remove_field_index(std::string_view field, CollectionConfig& config);

// Points that have each indexed field.
using FieldCounts = std::map<std::string, std::uint64_t>;
// {"status", "vector", "model", "texts", "encoded", ..} (docs/http_api.md)
void write_reembedding(JsonWriter& json, std::string_view vector_name, const ReembedProgress& progress);
// {"params", "hnsw_config", "optimizer_config", "wal_config", "quantization_config", ..}: what the information has as "config",
// without what only Orthant has.
void write_qdrant_config(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings);
// {"vectors", "sparse_vectors", ..}
void write_qdrant_params(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings);
// {"status", "optimizer_status", "points_count", "config": {..}, "payload_schema", ..}
void write_collection_info(JsonWriter& json, const CollectionInfo& info, const CollectionSettings& settings,
                           const FieldCounts& counts);

}  // namespace orthant::qdrant
