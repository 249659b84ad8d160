#include "api/qdrant/collection_settings.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/json_fields.h"
#include "api/qdrant/parse_fields.h"
#include "api/qdrant/vector_params.h"

namespace orthant::qdrant {
namespace {

std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto microseconds = now.time_since_epoch() % std::chrono::seconds(1);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), microseconds.count());
}

// The sections that are plain sets of options: name in request bodies, rules, and where they are kept.
struct Section {
  std::string_view name;
  std::span<const FieldRule> rules;
  JsonFields CollectionSettings::* fields;
};
std::array<Section, 4> sections() {
  return {{{"hnsw_config", hnsw_rules(), &CollectionSettings::hnsw_config},
           {"optimizers_config", optimizer_rules(), &CollectionSettings::optimizers_config},
           {"wal_config", wal_rules(), &CollectionSettings::wal_config},
           {"strict_mode_config", strict_mode_rules(), &CollectionSettings::strict_mode_config}}};
}

// The vector's own quantization, else the collection's; empty: neither is given.
std::string quantization_of(const CollectionSettings& settings, const std::string& vector) {
  std::string given = settings.quantization_config;
  if (const auto options = settings.vectors.find(vector); options != settings.vectors.end()) {
    const auto own = options->second.find("quantization_config");
    if (own != options->second.end()) given = own->second;
  }
  return given;
}

// Qdrant's `always_ram`. False: codes may live on disk.
CodeResidency code_residency_of(const std::string& given) {
  if (given.empty()) return CodeResidency::kAuto;
  const auto document = JsonDocument::parse(given);
  if (!document || !document->root().is_object()) return CodeResidency::kAuto;
  for (const JsonValue kind : document->root().items()) {
    if (!kind.is_object()) continue;
    const auto always_ram = kind.find("always_ram");
    if (always_ram && always_ram->raw() == "true") return CodeResidency::kMemory;
    if (always_ram && always_ram->raw() == "false") return CodeResidency::kDisk;
    const auto memory = kind.find("memory");
    if (memory && memory->raw() == "\"pinned\"") return CodeResidency::kMemory;
    if (memory && memory->raw() == "\"cold\"") return CodeResidency::kDisk;
  }
  return CodeResidency::kAuto;
}

// Qdrant's `quantile` of scalar quantization; 1, all values, where none is given.
double int8_quantile_of(const std::string& given) {
  const auto document = JsonDocument::parse(given.empty() ? "null" : given);
  if (!document || !document->root().is_object()) return 1;
  const auto scalar = document->root().find("scalar");
  const auto quantile = scalar && scalar->is_object() ? scalar->find("quantile") : std::nullopt;
  return quantile && !quantile->is_null() ? quantile->as_double().value_or(1) : 1;
}

Status parse_sparse_vectors(JsonValue vectors, CollectionConfig& config, CollectionSettings& settings) {
  ORTHANT_TRY(vectors.expect_object());
  for (const JsonValue params : vectors.items()) {
    const std::string name = params.key();
    if (config.vectors.contains(name)) return params.validation_error("a dense vector has the same name");
    config.vectors[name] = ORTHANT_TRY(parse_sparse_params(params, settings.sparse_vectors[name]));
  }
  return {};
}

Status parse_all_vectors(JsonValue vectors, CollectionConfig& config, CollectionSettings& settings) {
  ORTHANT_TRY(vectors.expect_object());
  if (vectors.find("size") && !vectors.find("size")->is_object()) {
    config.vectors[""] = ORTHANT_TRY(parse_vector_params(vectors, settings.vectors[""]));
    return {};
  }
  for (const JsonValue params : vectors.items()) {
    const std::string name = params.key();
    config.vectors[name] = ORTHANT_TRY(parse_vector_params(params, settings.vectors[name]));
  }
  return {};
}

// indexing_threshold counts kilobytes of vectors below which searches are exact; 0 turns indexing off.
void apply_indexing_threshold(const CollectionSettings& settings, VectorConfig& vector) {
  const auto threshold = settings.optimizers_config.find("indexing_threshold");
  if (threshold == settings.optimizers_config.end()) return;
  const std::uint64_t kilobytes = std::stoull(threshold->second);
  constexpr std::uint64_t kMost = std::numeric_limits<std::size_t>::max() >> 10;
  const bool always = kilobytes == 0 || kilobytes > kMost;
  vector.index.exact_below_bytes = always ? std::numeric_limits<std::size_t>::max() : kilobytes << 10;
}

void apply_to_all(const CollectionSettings& settings, CollectionConfig& config) {
  for (auto& [name, vector] : config.vectors) {
    if (vector.kind != VectorKind::kSparse) apply_collection_settings(settings, name, vector);
  }
}

Status refuse_what_is_missing(JsonValue body) {
  if (const auto method = body.find("sharding_method"); method && method->raw() == "\"custom\"") return unsupported(*method);
  if (const auto from = body.find("init_from")) return unsupported(*from);
  return {};
}

// Sections, metadata and quantization, as create and update have them.
Status parse_sections(JsonValue body, CollectionSettings& settings) {
  for (const Section& section : sections()) {
    const auto value = body.find(section.name);
    if (value) ORTHANT_TRY(collect_fields(*value, section.rules, settings.*section.fields));
  }
  if (const auto metadata = body.find("metadata")) {
    ORTHANT_TRY(metadata->expect_object());
    settings.metadata = all_fields(*metadata);
  }
  auto quantization = body.find("quantization_config");
  if (!quantization) quantization = body.find("quantization");
  if (quantization && quantization->raw() != "\"Disabled\"") {
    settings.quantization_config = ORTHANT_TRY(parse_quantization(*quantization));
  }
  return {};
}

void merge(JsonFields& into, const JsonFields& from) {
  for (const auto& [name, text] : from) into.insert_or_assign(name, text);
}

// Two JSON objects as one; of equal names the second's.
std::string merged_objects(const std::string& before, const std::string& given) {
  const auto first = JsonDocument::parse(before);
  const auto second = JsonDocument::parse(given);
  if (!first || !second || !first->root().is_object()) return given;
  JsonFields fields = all_fields(first->root());
  merge(fields, all_fields(second->root()));
  return fields_to_json(fields);
}

// Graph parameters are merged one by one; a quantization replaces the one before.
void merge_options(JsonFields& into, JsonFields from) {
  const auto before = into.find("hnsw_config");
  const auto given = from.find("hnsw_config");
  if (before != into.end() && given != from.end()) given->second = merged_objects(before->second, given->second);
  merge(into, from);
}

}  // namespace

void apply_collection_settings(const CollectionSettings& settings, const std::string& name, VectorConfig& vector) {
  apply_indexing_threshold(settings, vector);
  const std::string quantization = quantization_of(settings, name);
  vector.index.code_residency = code_residency_of(quantization);
  vector.index.int8_quantile = int8_quantile_of(quantization);
}

std::string CollectionSettings::to_json() const {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("vectors").begin_object();
  for (const auto& [name, options] : vectors) write_fields(json.key(name), options);
  json.end_object();
  json.key("sparse_vectors").begin_object();
  for (const auto& [name, options] : sparse_vectors) write_fields(json.key(name), options);
  json.end_object();
  if (had_sparse) json.key("had_sparse").boolean(true);
  for (const Section& section : sections()) write_fields(json.key(section.name), this->*section.fields);
  write_fields(json.key("params"), params);
  write_fields(json.key("metadata"), metadata);
  write_fields(json.key("payload_schema"), payload_schema);
  if (!quantization_config.empty()) json.key("quantization_config").raw(quantization_config);
  if (!created_at.empty()) json.key("created_at").string(created_at);
  json.end_object();
  return text;
}

Result<CollectionSettings> CollectionSettings::from_json(std::string_view json) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::string(json)));
  const JsonValue root = document.root();
  CollectionSettings settings;
  if (const auto vectors = root.find("vectors")) {
    for (const JsonValue options : vectors->items()) settings.vectors[options.key()] = all_fields(options);
  }
  if (const auto sparse = root.find("sparse_vectors")) {
    for (const JsonValue options : sparse->items()) settings.sparse_vectors[options.key()] = all_fields(options);
  }
  settings.had_sparse = root.find("had_sparse").has_value();
  const auto read = [&](std::string_view name, JsonFields& fields) {
    if (const auto value = root.find(name)) fields = all_fields(*value);
  };
  for (const Section& section : sections()) read(section.name, settings.*section.fields);
  read("params", settings.params);
  read("metadata", settings.metadata);
  read("payload_schema", settings.payload_schema);
  if (const auto quantization = root.find("quantization_config")) settings.quantization_config = quantization->raw();
  settings.created_at = ORTHANT_TRY(root.find_string("created_at")).value_or("");
  return settings;
}

Result<CollectionConfig> parse_create_collection(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ORTHANT_TRY(refuse_what_is_missing(body));
  CollectionConfig config;
  CollectionSettings settings;
  if (const auto vectors = body.find("vectors")) ORTHANT_TRY(parse_all_vectors(*vectors, config, settings));
  if (const auto sparse = body.find("sparse_vectors")) ORTHANT_TRY(parse_sparse_vectors(*sparse, config, settings));
  ORTHANT_TRY(parse_sections(body, settings));
  ORTHANT_TRY(collect_fields(body, params_rules(), settings.params));
  settings.created_at = utc_now();
  apply_to_all(settings, config);
  config.dialect_json = settings.to_json();
  return config;
}

Result<CollectionChange> parse_update_collection(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ORTHANT_TRY(refuse_what_is_missing(body));
  CollectionChange change;
  ORTHANT_TRY(parse_sections(body, change.given));
  change.has_quantization = body.find("quantization_config").has_value();
  if (const auto params = body.find("params")) ORTHANT_TRY(collect_fields(*params, params_rules(), change.given.params));
  if (const auto vectors = body.find("vectors")) {
    ORTHANT_TRY(vectors->expect_object());
    for (const JsonValue params : vectors->items()) {
      ORTHANT_TRY(params.expect_object());
      ORTHANT_TRY(parse_vector_options(params, change.vectors[params.key()]));
    }
  }
  if (const auto sparse = body.find("sparse_vectors")) {
    ORTHANT_TRY(sparse->expect_object());
    for (const JsonValue params : sparse->items()) {
      NamedVector& vector = change.sparse_vectors[params.key()];
      vector.config = ORTHANT_TRY(parse_sparse_params(params, vector.options));
    }
  }
  return change;
}

Status apply_change(const CollectionChange& change, CollectionConfig& config) {
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  for (const auto& [name, options] : change.vectors) {
    const auto vector = config.vectors.find(name);
    if (vector == config.vectors.end()) return invalid_argument(fmt::format("Not existing vector name error: {}", name));
    merge_options(settings.vectors[name], options);
    vector->second.index.residency = residency_of(settings.vectors[name]);
  }
  for (const auto& [name, given] : change.sparse_vectors) {
    const auto vector = config.vectors.find(name);
    if (vector == config.vectors.end() || vector->second.kind != VectorKind::kSparse) {
      return invalid_argument(fmt::format("Not existing vector name error: {}", name));
    }
    vector->second.modifier = given.config.modifier;
    merge(settings.sparse_vectors[name], given.options);
  }
  for (const Section& section : sections()) merge(settings.*section.fields, change.given.*section.fields);
  merge(settings.params, change.given.params);
  merge(settings.metadata, change.given.metadata);
  std::erase_if(settings.metadata, [](const auto& field) { return field.second == "null"; });
  if (change.has_quantization) settings.quantization_config = change.given.quantization_config;
  apply_to_all(settings, config);
  config.dialect_json = settings.to_json();
  return {};
}

}  // namespace orthant::qdrant
