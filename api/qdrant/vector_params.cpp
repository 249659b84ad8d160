#include "api/qdrant/vector_params.h"

#include <algorithm>
#include <array>

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

constexpr std::array kSparseIndexRules = {
    FieldRule{.name = "full_scan_threshold"},
    FieldRule{.name = "on_disk", .kind = FieldKind::kBool},
    FieldRule{.name = "datatype", .kind = FieldKind::kString},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
};

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

// turbo4 asks for a smaller form on disk: what is kept is at least as exact as it.
Result<VectorDatatype> parse_datatype(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  if (name == "float32" || name == "turbo4") return VectorDatatype::kFloat32;
  if (name == "float16") return VectorDatatype::kFloat16;
  if (name == "uint8") return VectorDatatype::kUint8;
  return value.format_error(fmt::format("unknown variant `{}`, expected one of `float32`, `uint8`, `float16`, `turbo4`", name));
}

Status check_comparator(JsonValue multi) {
  ORTHANT_TRY(multi.expect_object());
  const JsonValue comparator = ORTHANT_TRY(multi.require("comparator"));
  const std::string name = ORTHANT_TRY(comparator.as_string());
  if (name == "max_sim") return {};
  return comparator.format_error(fmt::format("unknown variant `{}`, expected `max_sim`", name));
}

Result<SparseModifier> parse_modifier(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  if (name == "none") return SparseModifier::kNone;
  if (name == "idf") return SparseModifier::kIdf;
  return value.format_error(fmt::format("unknown variant `{}`, expected `none` or `idf`", name));
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

// Ours alone.
Result<Int8Codes> parse_int8_codes(JsonValue params) {
  const auto codes = params.find("int8_codes");
  if (!codes) return Int8Codes::kVector;
  const std::string name = ORTHANT_TRY(codes->as_string());
  for (const Int8Codes each : {Int8Codes::kVector, Int8Codes::kDimension}) {
    if (name == int8_codes_name(each)) return each;
  }
  return codes->validation_error("expected vector or dimension");
}

Status validate_kind(const VectorConfig& config) {
  const bool single_floats = config.kind == VectorKind::kDense && config.index.form == VectorForm::kFloat32;
  if (!single_floats && config.index.int8_codes == Int8Codes::kDimension) {
    return invalid_argument("int8_codes: dimension goes with single vectors of form float32 only");
  }
  const bool plain = config.kind == VectorKind::kDense && config.datatype == VectorDatatype::kFloat32;
  if (plain || config.index.form == VectorForm::kFloat32) return {};
  return invalid_argument("form: ready codes go with single vectors of datatype float32 only");
}

}  // namespace

// Options of a vector that may also be changed later.
Status parse_vector_options(JsonValue params, JsonFields& fields) {
  ORTHANT_TRY(collect_fields(params, kVectorRules, fields));
  if (const auto datatype = params.find("datatype")) ORTHANT_TRY(parse_datatype(*datatype));
  if (const auto multi = params.find("multivector_config")) {
    ORTHANT_TRY(check_comparator(*multi));
    fields.insert_or_assign("multivector_config", R"({"comparator":"max_sim"})");
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

Result<VectorConfig> parse_vector_params(JsonValue params, JsonFields& options) {
  ORTHANT_TRY(params.expect_object());
  VectorConfig config;
  const JsonValue size = ORTHANT_TRY(params.require("size"));
  config.index.dim = static_cast<std::size_t>(ORTHANT_TRY(size.as_uint()));
  if (config.index.dim < 1 || config.index.dim > kMaxDim) return size.out_of_range(fmt::format("must be from 1 to {}", kMaxDim));
  config.index.metric = ORTHANT_TRY(parse_distance(ORTHANT_TRY(params.require("distance"))));
  config.index.form = ORTHANT_TRY(parse_form(params));
  ORTHANT_TRY(parse_vector_options(params, options));
  if (const auto datatype = params.find("datatype")) config.datatype = ORTHANT_TRY(parse_datatype(*datatype));
  if (params.find("multivector_config")) config.kind = VectorKind::kMulti;
  config.index.residency = residency_of(options);
  if (const auto recall = params.find("target_recall")) {
    config.index.target_recall = ORTHANT_TRY(recall->as_double());
    if (config.index.target_recall <= 0 || config.index.target_recall > 1) {
      return recall->out_of_range("must be above 0.0 and at most 1.0");
    }
  }
  ORTHANT_TRY(parse_codes(params, config.index));
  config.index.int8_codes = ORTHANT_TRY(parse_int8_codes(params));
  config.index.structure = ORTHANT_TRY(parse_structure(params));
  if (const auto budget = params.find("memory_budget_bytes")) {
    config.index.memory_budget_bytes = static_cast<std::size_t>(ORTHANT_TRY(budget->as_uint()));
  }
  if (Status valid = validate_kind(config); !valid) return params.validation_error(valid.error().message);
  return config;
}

// How the inverted index is kept is Orthant's own affair: the options are checked, kept and given back.
Result<VectorConfig> parse_sparse_params(JsonValue params, JsonFields& options) {
  VectorConfig config;
  config.kind = VectorKind::kSparse;
  if (params.is_null()) return config;
  ORTHANT_TRY(params.expect_object());
  if (const auto modifier = params.find("modifier")) {
    config.modifier = ORTHANT_TRY(parse_modifier(*modifier));
    options.insert_or_assign("modifier", std::string(modifier->raw()));
  }
  if (const auto index = params.find("index")) {
    JsonFields fields;
    ORTHANT_TRY(collect_fields(*index, kSparseIndexRules, fields));
    if (const auto datatype = index->find("datatype")) ORTHANT_TRY(parse_datatype(*datatype));
    options.insert_or_assign("index", fields_to_json(fields));
  }
  return config;
}

Result<NamedVector> parse_named_vector(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  NamedVector vector;
  if (const auto dense = body.find("dense")) {
    vector.config = ORTHANT_TRY(parse_vector_params(*dense, vector.options));
  } else if (const auto sparse = body.find("sparse")) {
    vector.config = ORTHANT_TRY(parse_sparse_params(*sparse, vector.options));
  } else {
    return body.format_error("expected `dense` or `sparse`");
  }
  return vector;
}

namespace {

bool same_vector(const VectorConfig& left, const VectorConfig& right) {
  return left.kind == right.kind && left.datatype == right.datatype && left.modifier == right.modifier &&
         (left.kind == VectorKind::kSparse ||
          (left.index.dim == right.index.dim && left.index.metric == right.index.metric && left.index.form == right.index.form));
}

}  // namespace

Status add_named_vector(const std::string& name, const NamedVector& vector, CollectionConfig& config) {
  if (const auto known = config.vectors.find(name); known != config.vectors.end()) {
    if (same_vector(known->second, vector.config)) return {};
    return invalid_argument(fmt::format("Vector `{}` already exists with other parameters", name));
  }
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  const bool is_sparse = vector.config.kind == VectorKind::kSparse;
  (is_sparse ? settings.sparse_vectors : settings.vectors)[name] = vector.options;
  VectorConfig added = vector.config;
  if (!is_sparse) apply_collection_settings(settings, name, added);
  config.vectors.emplace(name, std::move(added));
  config.dialect_json = settings.to_json();
  return {};
}

Status remove_named_vector(const std::string& name, CollectionConfig& config) {
  if (config.vectors.erase(name) == 0) return invalid_argument(fmt::format("Not existing vector name error: {}", name));
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  settings.vectors.erase(name);
  settings.had_sparse = settings.sparse_vectors.erase(name) > 0 || settings.had_sparse;
  config.dialect_json = settings.to_json();
  return {};
}

}  // namespace orthant::qdrant
