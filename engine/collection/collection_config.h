#pragma once
// CollectionConfig: what a collection is made with. Plain values, stored in the catalog with a format version.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/payload/field_schema.h"
#include "index/index_config.h"

namespace orthant {

// Which encoder made a vector's embeddings: recorded when text first arrives, compared ever after. Everything that changes what a
// text becomes.
struct EncoderIdentity {
  std::string model;
  std::string model_sha256;
  std::string weight_precision;
  std::string pooling;
  std::uint32_t dim = 0;
  // Text put before the input. Nothing: not recorded (collections of versions before).
  std::optional<std::string> query_prompt = std::nullopt;
  std::optional<std::string> document_prompt = std::nullopt;
  bool operator==(const EncoderIdentity&) const = default;
};

struct VectorConfig {
  IndexConfig index;
  std::optional<EncoderIdentity> encoder;
};

struct CollectionConfig {
  // By vector name; the unnamed default vector has the name "".
  std::map<std::string, VectorConfig> vectors;
  // Payload fields that are indexed. Their indexes follow by themselves.
  FieldSchemas field_indexes;
  // The dialect's own view of the configuration (a JSON object): kept and given back as it is, never read by the engine.
  std::string dialect_json = "{}";
};

}  // namespace orthant
