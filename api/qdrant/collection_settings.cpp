#include "api/qdrant/collection_settings.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/json_fields.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {
namespace {

constexpr std::array kVectorRules = {
    FieldRule{.name = "on_disk", .kind = FieldKind::kBool},
    FieldRule{.name = "datatype", .kind = FieldKind::kString},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
};

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

Result<Metric> parse_distance(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    if (name == metric_name(metric)) return metric;
  }
  return value.format_error(fmt::format("unknown variant `{}`, expected one of `Cosine`, `Euclid`, `Dot`, `Manhattan`", name));
}

// Our extension: vectors that users bring as ready codes.
Result<VectorForm> parse_form(JsonValue params) {
  const auto value = params.find("form");
  if (!value) return VectorForm::kFloat32;
  const std::string name = ORTHANT_TRY(value->as_string());
  if (name == "float32") return VectorForm::kFloat32;
  if (name == "int8") return VectorForm::kInt8;
  if (name == "ubinary") return VectorForm::kUbinary;
  return value->format_error(fmt::format("unknown variant `{}`, expected one of `float32`, `int8`, `ubinary`", name));
}

// Our extension: how candidates are found.
Result<IndexStructure> parse_structure(JsonValue params) {
  const auto value = params.find("structure");
  if (!value) return IndexStructure::kAuto;
  const std::string name = ORTHANT_TRY(value->as_string());
  for (const auto each : {IndexStructure::kAuto, IndexStructure::kFlat, IndexStructure::kGraph, IndexStructure::kLists}) {
    if (name == structure_name(each)) return each;
  }
  return value->format_error(fmt::format("unknown variant `{}`, expected one of `auto`, `flat`, `graph`, `lists`", name));
}

// Options of a vector that may also be changed later.
Status parse_vector_options(JsonValue params, JsonFields& fields) {
  ORTHANT_TRY(collect_fields(params, kVectorRules, fields));
  if (const auto multi = params.find("multivector_config")) return unsupported(*multi);
  if (const auto datatype = params.find("datatype")) {
    const std::string name = ORTHANT_TRY(datatype->as_string());
    if (name != "float32" && name != "float16") return unsupported(*datatype);
  }
  if (const auto memory = params.find("memory"); memory && memory->raw() == "\"pinned\"") {
    return memory->validation_error("`pinned` is not possible for vectors");
  }
  if (const auto hnsw = params.find("hnsw_config")) {
    JsonFields options;
    ORTHANT_TRY(collect_fields(*hnsw, hnsw_rules(), options));
    fields.insert_or_assign("hnsw_config", fields_to_json(options));
  }
  if (const auto quantization = params.find("quantization_config")) {
    const bool disabled = quantization->raw() == "\"Disabled\"";
    fields.insert_or_assign("quantization_config", disabled ? "null" : ORTHANT_TRY(parse_quantization(*quantization)));
  }
  return {};
}

FloatResidency residency_of(const JsonFields& options) {
  const auto on_disk = options.find("on_disk");
  if (on_disk == options.end()) return FloatResidency::kAuto;
  return on_disk->second == "true" ? FloatResidency::kDisk : FloatResidency::kMemory;
}

// Qdrant's `always_ram`: of the vector's own quantization, else of the collection's. False: codes may live on disk.
CodeResidency code_residency_of(const CollectionSettings& settings, const std::string& vector) {
  std::string given = settings.quantization_config;
  if (const auto options = settings.vectors.find(vector); options != settings.vectors.end()) {
    const auto own = options->second.find("quantization_config");
    if (own != options->second.end()) given = own->second;
  }
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

void apply_code_residency(const CollectionSettings& settings, CollectionConfig& config) {
  for (auto& [name, vector] : config.vectors) vector.index.code_residency = code_residency_of(settings, name);
}

// Ours alone: the quantizer of the first stage and its bits a dimension.
Status parse_codes(JsonValue params, IndexConfig& index) {
  if (const auto codes = params.find("binary_codes")) {
    const std::string name = ORTHANT_TRY(codes->as_string());
    bool known = false;
    for (BinaryCodes each : {BinaryCodes::kAuto, BinaryCodes::kSign, BinaryCodes::kRotated, BinaryCodes::kLearned}) {
      if (name != binary_codes_name(each)) continue;
      index.binary_codes = each;
      known = true;
    }
    if (!known) return codes->validation_error("expected auto, sign, rotated or learned");
  }
  if (const auto bits = params.find("code_bits")) {
    index.code_bits = static_cast<unsigned>(std::min<std::uint64_t>(ORTHANT_TRY(bits->as_uint()), 8));
    if (Status valid = validate(index); !valid) return bits->validation_error(valid.error().message);
  }
  return {};
}

Result<VectorConfig> parse_vector_params(JsonValue params, JsonFields& options) {
  ORTHANT_TRY(params.expect_object());
  VectorConfig config;
  const JsonValue size = ORTHANT_TRY(params.require("size"));
  config.index.dim = static_cast<std::size_t>(ORTHANT_TRY(size.as_uint()));
  if (config.index.dim < 1 || config.index.dim > kMaxDim) return size.out_of_range(fmt::format("must be from 1 to {}", kMaxDim));
  config.index.metric = ORTHANT_TRY(parse_distance(ORTHANT_TRY(params.require("distance"))));
  config.index.form = ORTHANT_TRY(parse_form(params));
  ORTHANT_TRY(parse_vector_options(params, options));
  config.index.residency = residency_of(options);
  if (const auto recall = params.find("target_recall")) {
    config.index.target_recall = ORTHANT_TRY(recall->as_double());
    if (config.index.target_recall <= 0 || config.index.target_recall > 1) {
      return recall->out_of_range("must be above 0.0 and at most 1.0");
    }
  }
  ORTHANT_TRY(parse_codes(params, config.index));
  config.index.structure = ORTHANT_TRY(parse_structure(params));
  if (const auto budget = params.find("memory_budget_bytes")) {
    config.index.memory_budget_bytes = static_cast<std::size_t>(ORTHANT_TRY(budget->as_uint()));
  }
  return config;
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
void apply_indexing_threshold(const CollectionSettings& settings, CollectionConfig& config) {
  const auto threshold = settings.optimizers_config.find("indexing_threshold");
  if (threshold == settings.optimizers_config.end()) return;
  const std::uint64_t kilobytes = std::stoull(threshold->second);
  constexpr std::uint64_t kMost = std::numeric_limits<std::size_t>::max() >> 10;
  const std::size_t bytes = kilobytes == 0 || kilobytes > kMost ? std::numeric_limits<std::size_t>::max() : kilobytes << 10;
  for (auto& [name, vector] : config.vectors) vector.index.exact_below_bytes = bytes;
}

Status refuse_what_is_missing(JsonValue body) {
  const auto sparse = body.find("sparse_vectors");
  if (sparse && sparse->size() > 0) return unsupported(*sparse);
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

}  // namespace

std::string CollectionSettings::to_json() const {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("vectors").begin_object();
  for (const auto& [name, options] : vectors) write_fields(json.key(name), options);
  json.end_object();
  for (const Section& section : sections()) write_fields(json.key(section.name), this->*section.fields);
  write_fields(json.key("params"), params);
  write_fields(json.key("metadata"), metadata);
  write_fields(json.key("payload_schema"), payload_schema);
  if (!quantization_config.empty()) json.key("quantization_config").raw(quantization_config);
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
  const auto read = [&](std::string_view name, JsonFields& fields) {
    if (const auto value = root.find(name)) fields = all_fields(*value);
  };
  for (const Section& section : sections()) read(section.name, settings.*section.fields);
  read("params", settings.params);
  read("metadata", settings.metadata);
  read("payload_schema", settings.payload_schema);
  if (const auto quantization = root.find("quantization_config")) settings.quantization_config = quantization->raw();
  return settings;
}

Result<CollectionConfig> parse_create_collection(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  ORTHANT_TRY(refuse_what_is_missing(body));
  CollectionConfig config;
  CollectionSettings settings;
  if (const auto vectors = body.find("vectors")) ORTHANT_TRY(parse_all_vectors(*vectors, config, settings));
  ORTHANT_TRY(parse_sections(body, settings));
  ORTHANT_TRY(collect_fields(body, params_rules(), settings.params));
  apply_indexing_threshold(settings, config);
  apply_code_residency(settings, config);
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
  return change;
}

Status apply_change(const CollectionChange& change, CollectionConfig& config) {
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  for (const auto& [name, options] : change.vectors) {
    const auto vector = config.vectors.find(name);
    if (vector == config.vectors.end()) return invalid_argument(fmt::format("Not existing vector name error: {}", name));
    merge(settings.vectors[name], options);
    vector->second.index.residency = residency_of(settings.vectors[name]);
  }
  for (const Section& section : sections()) merge(settings.*section.fields, change.given.*section.fields);
  merge(settings.params, change.given.params);
  merge(settings.metadata, change.given.metadata);
  std::erase_if(settings.metadata, [](const auto& field) { return field.second == "null"; });
  if (change.has_quantization) settings.quantization_config = change.given.quantization_config;
  apply_indexing_threshold(settings, config);
  apply_code_residency(settings, config);
  config.dialect_json = settings.to_json();
  return {};
}

}  // namespace orthant::qdrant
