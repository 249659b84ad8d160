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

// Recorded, so enumerators of all three are never renumbered.
enum class VectorKind : std::uint8_t {
  kDense = 0,
  kSparse = 1,  // of IndexConfig nothing counts
  kMulti = 2,   // several vectors of IndexConfig::dim a point, compared by the sum of each query vector's best score (max_sim)
};
// How values are stored; they come back rounded so.
enum class VectorDatatype : std::uint8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kUint8 = 2,  // whole numbers from 0 to 255; not normalized for Metric::kCosine
};
// What becomes of a sparse query's weights.
enum class SparseModifier : std::uint8_t {
  kNone = 0,
  kIdf = 1,  // times ln(1 + (N - n + 0.5) / (n + 0.5)), of N points with this vector n with the index
};

// Kept texts of a vector are being encoded by another model (Engine::reembed); until they all are, the old embeddings serve.
struct Reembedding {
  EncoderIdentity encoder;         // whose embeddings will serve
  bool drop_without_text = false;  // points whose vector came without a text lose it; otherwise there may be none
};

struct VectorConfig {
  IndexConfig index;
  VectorKind kind = VectorKind::kDense;
  VectorDatatype datatype = VectorDatatype::kFloat32;
  SparseModifier modifier = SparseModifier::kNone;
  std::optional<EncoderIdentity> encoder;
  // Which making of the embeddings serves: what was prepared for another one must not be mixed in. A re-embedding makes
  // last_generation, which is never given twice.
  std::uint32_t generation = 0;
  std::uint32_t last_generation = 0;
  std::optional<Reembedding> reembedding{};
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
