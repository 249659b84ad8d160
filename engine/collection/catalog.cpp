#include "engine/collection/catalog.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace orthant {
namespace {

// 2 added the encoder's prompts, 3 the field indexes, 4 the codes and the structure of vector indexes, 5 where codes
// live, 6 kinds and datatypes of vectors and slots whose name was removed, 7 stemmers, 8 generations and re-embeddings, 9 text
// indexes that score, 10 ranges of int8 codes.
constexpr std::uint8_t kFormat = 10;
constexpr std::uint8_t kFormatWithPrompts = 2;
constexpr std::uint8_t kFormatWithFieldIndexes = 3;
constexpr std::uint8_t kFormatWithStructure = 4;
constexpr std::uint8_t kFormatWithCodeResidency = 5;
constexpr std::uint8_t kFormatWithKinds = 6;
constexpr std::uint8_t kFormatWithStemmers = 7;
constexpr std::uint8_t kFormatWithGenerations = 8;
constexpr std::uint8_t kFormatWithScoring = 9;
constexpr std::uint8_t kFormatWithInt8Codes = 10;
constexpr std::uint8_t kAliasFormat = 1;
constexpr std::size_t kMaxNameBytes = 255;

std::unexpected<Error> damaged() {
  return data_corruption("collection record: damaged, it ends early or holds an unknown value");
}

void append_index(std::string& out, const IndexConfig& index) {
  append_value(out, static_cast<std::uint32_t>(index.dim));
  append_value(out, index.metric);
  append_value(out, index.form);
  append_value(out, index.residency);
  append_value(out, static_cast<std::uint64_t>(index.exact_below_bytes));
  append_value(out, index.target_recall);
  append_value(out, index.binary_codes);
  append_value(out, static_cast<std::uint8_t>(index.code_bits));
  append_value(out, index.structure);
  append_value(out, index.code_residency);
  append_value(out, static_cast<std::uint64_t>(index.memory_budget_bytes));
  append_value(out, index.int8_codes);
  append_value(out, index.int8_quantile);
}

void append_optional(std::string& out, const std::optional<std::string>& text) {
  append_value(out, static_cast<std::uint8_t>(text.has_value()));
  if (text) append_sized(out, *text);
}

void append_encoder(std::string& out, const std::optional<EncoderIdentity>& encoder) {
  append_value(out, static_cast<std::uint8_t>(encoder.has_value()));
  if (!encoder) return;
  append_sized(out, encoder->model);
  append_sized(out, encoder->model_sha256);
  append_sized(out, encoder->weight_precision);
  append_sized(out, encoder->pooling);
  append_value(out, encoder->dim);
  append_optional(out, encoder->query_prompt);
  append_optional(out, encoder->document_prompt);
}

// An enumerator stored as u8, refused past `last`.
template <typename Enum>
bool read_enum(ByteReader& reader, Enum last, Enum& out) {
  const auto value = reader.read<std::uint8_t>();
  if (!value || *value > static_cast<std::uint8_t>(last)) return false;
  out = static_cast<Enum>(*value);
  return true;
}

Result<IndexConfig> read_index(ByteReader& reader, std::uint8_t format) {
  IndexConfig index;
  const auto dim = reader.read<std::uint32_t>();
  if (!dim || !read_enum(reader, Metric::kManhattan, index.metric) || !read_enum(reader, VectorForm::kUbinary, index.form) ||
      !read_enum(reader, FloatResidency::kDisk, index.residency)) {
    return damaged();
  }
  const auto exact_below = reader.read<std::uint64_t>();
  const auto target_recall = reader.read<double>();
  if (!exact_below || !target_recall) return damaged();
  index.dim = *dim;
  index.exact_below_bytes = *exact_below;
  index.target_recall = *target_recall;
  if (format >= kFormatWithStructure) {
    const bool known_codes = read_enum(reader, BinaryCodes::kLearned, index.binary_codes);
    const auto bits = reader.read<std::uint8_t>();
    if (!known_codes || !bits || !read_enum(reader, IndexStructure::kLists, index.structure)) return damaged();
    index.code_bits = *bits;
  }
  if (format >= kFormatWithCodeResidency) {
    const bool known_residency = read_enum(reader, CodeResidency::kDisk, index.code_residency);
    const auto budget = reader.read<std::uint64_t>();
    if (!known_residency || !budget) return damaged();
    index.memory_budget_bytes = *budget;
  }
  if (format >= kFormatWithInt8Codes) {
    const bool known_codes = read_enum(reader, Int8Codes::kDimension, index.int8_codes);
    const auto quantile = reader.read<double>();
    if (!known_codes || !quantile) return damaged();
    index.int8_quantile = *quantile;
  }
  if (!validate(index)) return damaged();
  return index;
}

Result<std::string> read_text(ByteReader& reader) {
  const auto text = reader.read_sized();
  if (!text) return damaged();
  return std::string(*text);
}

Result<std::optional<std::string>> read_optional(ByteReader& reader) {
  const auto present = reader.read<std::uint8_t>();
  if (!present || *present > 1) return damaged();
  if (*present == 0) return std::optional<std::string>();
  return std::optional<std::string>(ORTHANT_TRY(read_text(reader)));
}

void append_optional(std::string& out, const std::optional<std::uint32_t>& number) {
  append_value(out, static_cast<std::uint8_t>(number.has_value()));
  if (number) append_value(out, *number);
}

void append_field_indexes(std::string& out, const FieldSchemas& schemas) {
  append_value(out, static_cast<std::uint16_t>(schemas.size()));
  for (const auto& [path, schema] : schemas) {
    append_sized(out, path);
    append_value(out, schema.type);
    if (schema.type != FieldType::kText) continue;
    append_value(out, schema.text.tokenizer);
    append_value(out, static_cast<std::uint8_t>(schema.text.lowercase));
    append_value(out, static_cast<std::uint8_t>(schema.text.ascii_folding));
    append_value(out, static_cast<std::uint8_t>(schema.text.phrase_matching));
    append_optional(out, schema.text.min_token_length);
    append_optional(out, schema.text.max_token_length);
    append_value(out, static_cast<std::uint32_t>(schema.text.stopwords.size()));
    for (const std::string& word : schema.text.stopwords) append_sized(out, word);
    append_sized(out, schema.text.stemmer);
    append_value(out, static_cast<std::uint8_t>(schema.text.scoring));
  }
}

bool read_flag(ByteReader& reader, bool& out) {
  const auto value = reader.read<std::uint8_t>();
  if (!value || *value > 1) return false;
  out = *value == 1;
  return true;
}

bool read_optional(ByteReader& reader, std::optional<std::uint32_t>& out) {
  bool present = false;
  if (!read_flag(reader, present)) return false;
  if (present) out = reader.read<std::uint32_t>();
  return !present || out.has_value();
}

Result<TextOptions> read_text_options(ByteReader& reader, std::uint8_t format) {
  TextOptions options;
  if (!read_enum(reader, TextTokenizer::kMultilingual, options.tokenizer) || !read_flag(reader, options.lowercase) ||
      !read_flag(reader, options.ascii_folding) || !read_flag(reader, options.phrase_matching) ||
      !read_optional(reader, options.min_token_length) || !read_optional(reader, options.max_token_length)) {
    return damaged();
  }
  const auto words = reader.read<std::uint32_t>();
  if (!words) return damaged();
  for (std::uint32_t i = 0; i < *words; ++i) options.stopwords.push_back(ORTHANT_TRY(read_text(reader)));
  if (format >= kFormatWithStemmers) options.stemmer = ORTHANT_TRY(read_text(reader));
  if (format >= kFormatWithScoring && !read_flag(reader, options.scoring)) return damaged();
  return options;
}

Result<FieldSchemas> read_field_indexes(ByteReader& reader, std::uint8_t format) {
  FieldSchemas schemas;
  const auto count = reader.read<std::uint16_t>();
  if (!count) return damaged();
  for (std::uint16_t i = 0; i < *count; ++i) {
    std::string path = ORTHANT_TRY(read_text(reader));
    FieldSchema schema;
    if (!read_enum(reader, FieldType::kUuid, schema.type)) return damaged();
    if (schema.type == FieldType::kText) schema.text = ORTHANT_TRY(read_text_options(reader, format));
    if (!JsonPath::parse(path) || !schemas.emplace(std::move(path), std::move(schema)).second) return damaged();
  }
  return schemas;
}

Result<std::optional<EncoderIdentity>> read_encoder(ByteReader& reader, std::uint8_t format) {
  const auto present = reader.read<std::uint8_t>();
  if (!present || *present > 1) return damaged();
  if (*present == 0) return std::optional<EncoderIdentity>();
  EncoderIdentity encoder;
  encoder.model = ORTHANT_TRY(read_text(reader));
  encoder.model_sha256 = ORTHANT_TRY(read_text(reader));
  encoder.weight_precision = ORTHANT_TRY(read_text(reader));
  encoder.pooling = ORTHANT_TRY(read_text(reader));
  const auto dim = reader.read<std::uint32_t>();
  if (!dim) return damaged();
  encoder.dim = *dim;
  if (format >= kFormatWithPrompts) {
    encoder.query_prompt = ORTHANT_TRY(read_optional(reader));
    encoder.document_prompt = ORTHANT_TRY(read_optional(reader));
  }
  return std::optional<EncoderIdentity>(std::move(encoder));
}

void append_generations(std::string& out, const VectorConfig& vector) {
  append_value(out, vector.generation);
  append_value(out, vector.last_generation);
  append_value(out, static_cast<std::uint8_t>(vector.reembedding.has_value()));
  if (!vector.reembedding) return;
  append_encoder(out, vector.reembedding->encoder);
  append_value(out, static_cast<std::uint8_t>(vector.reembedding->drop_without_text));
}

Status read_generations(ByteReader& reader, std::uint8_t format, VectorConfig& vector) {
  const auto generation = reader.read<std::uint32_t>();
  const auto last = reader.read<std::uint32_t>();
  bool running = false;
  if (!generation || !last || *last < *generation || !read_flag(reader, running)) return damaged();
  vector.generation = *generation;
  vector.last_generation = *last;
  if (!running) return {};
  std::optional<EncoderIdentity> encoder = ORTHANT_TRY(read_encoder(reader, format));
  Reembedding reembedding;
  if (!encoder || !read_flag(reader, reembedding.drop_without_text)) return damaged();
  reembedding.encoder = *std::move(encoder);
  vector.reembedding = std::move(reembedding);
  return {};
}

void append_vector(std::string& out, const CollectionRecord& record, Slot slot) {
  append_value(out, static_cast<std::uint8_t>(record.slot_names.has(slot)));
  if (!record.slot_names.has(slot)) return;
  const std::string& name = record.slot_names[slot];
  const VectorConfig& vector = record.config.vectors.at(name);
  append_sized(out, name);
  append_value(out, vector.kind);
  append_value(out, vector.datatype);
  append_value(out, vector.modifier);
  if (vector.kind != VectorKind::kSparse) append_index(out, vector.index);
  append_encoder(out, vector.encoder);
  append_generations(out, vector);
}

Status read_vector(ByteReader& reader, std::uint8_t format, CollectionRecord& record) {
  bool in_use = true;
  if (format >= kFormatWithKinds && !read_flag(reader, in_use)) return damaged();
  if (!in_use) {
    record.slot_names.add_removed();
    return {};
  }
  std::string name = ORTHANT_TRY(read_text(reader));
  VectorConfig vector;
  if (format >= kFormatWithKinds &&
      (!read_enum(reader, VectorKind::kMulti, vector.kind) || !read_enum(reader, VectorDatatype::kUint8, vector.datatype) ||
       !read_enum(reader, SparseModifier::kIdf, vector.modifier))) {
    return damaged();
  }
  if (vector.kind != VectorKind::kSparse) vector.index = ORTHANT_TRY(read_index(reader, format));
  vector.encoder = ORTHANT_TRY(read_encoder(reader, format));
  if (format >= kFormatWithGenerations) ORTHANT_TRY(read_generations(reader, format, vector));
  if (!record.config.vectors.emplace(name, std::move(vector)).second) return damaged();
  record.slot_names.add(std::move(name));
  return {};
}

}  // namespace

std::string encode(const CollectionRecord& record) {
  std::string out;
  append_value(out, kFormat);
  append_value(out, record.table);
  append_sized(out, record.config.dialect_json);
  append_value(out, static_cast<std::uint16_t>(record.slot_names.size()));
  for (Slot slot = 0; slot < record.slot_names.size(); ++slot) append_vector(out, record, slot);
  append_field_indexes(out, record.config.field_indexes);
  return out;
}

Result<CollectionRecord> decode_collection_record(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.read<std::uint8_t>();
  if (!format) return damaged();
  if (*format > kFormat) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("collection record: format {}, this version knows up to {}", *format, kFormat));
  }
  CollectionRecord record;
  const auto table = reader.read<TableNumber>();
  if (!table) return damaged();
  record.table = *table;
  record.config.dialect_json = ORTHANT_TRY(read_text(reader));
  const auto slot_count = reader.read<std::uint16_t>();
  if (!slot_count) return damaged();
  for (std::uint16_t i = 0; i < *slot_count; ++i) ORTHANT_TRY(read_vector(reader, *format, record));
  if (*format >= kFormatWithFieldIndexes) record.config.field_indexes = ORTHANT_TRY(read_field_indexes(reader, *format));
  if (!reader.at_end()) return damaged();
  return record;
}

SlotNames assign_slots(const CollectionConfig& config) {
  SlotNames names;
  for (const auto& [name, vector] : config.vectors) names.add(name);
  return names;
}

Status validate(const VectorConfig& vector) {
  if (vector.kind == VectorKind::kSparse) return {};
  const bool plain = vector.kind == VectorKind::kDense && vector.datatype == VectorDatatype::kFloat32;
  if (!plain && vector.index.form != VectorForm::kFloat32) {
    return invalid_argument("form: ready codes go with single vectors of datatype float32 only");
  }
  return validate(vector.index);
}

void put_collection(StoreBatch& batch, std::string_view name, const CollectionRecord& record) {
  batch.put(Family::kCatalog, keys::collection(name), encode(record));
}

void remove_collection(StoreBatch& batch, std::string_view name) {
  batch.remove(Family::kCatalog, keys::collection(name));
}

void put_alias(StoreBatch& batch, std::string_view alias, std::string_view collection) {
  std::string value;
  append_value(value, kAliasFormat);
  value.append(collection);
  batch.put(Family::kCatalog, keys::alias(alias), value);
}

void remove_alias(StoreBatch& batch, std::string_view alias) {
  batch.remove(Family::kCatalog, keys::alias(alias));
}

Result<Aliases> read_aliases(const Store& store, const StoreSnapshot* moment) {
  Aliases aliases;
  Status fault;
  const auto visit = [&](std::string_view key, std::string_view value) {
    const auto alias = keys::parse_alias(key);
    if (!alias) return true;
    if (value.empty() || value.front() != static_cast<char>(kAliasFormat)) {
      fault = fail(ErrorCode::kFailedPrecondition, fmt::format("alias {}: written by another version", *alias));
      return false;
    }
    aliases.emplace(*alias, value.substr(1));
    return true;
  };
  ORTHANT_TRY(store.scan(Family::kCatalog, keys::all_aliases(), moment, visit));
  if (!fault) return std::unexpected<Error>(fault.error());
  return aliases;
}

Result<std::optional<CollectionRecord>> read_collection(const Store& store, std::string_view name, const StoreSnapshot* moment) {
  const auto bytes = ORTHANT_TRY(store.get(Family::kCatalog, keys::collection(name), moment));
  if (!bytes) return std::optional<CollectionRecord>();
  return std::optional<CollectionRecord>(ORTHANT_TRY(decode_collection_record(*bytes)));
}

Result<std::map<std::string, Result<CollectionRecord>>> read_catalog(const Store& store) {
  std::map<std::string, Result<CollectionRecord>> records;
  ORTHANT_TRY(store.scan(Family::kCatalog, keys::all_collections(), nullptr, [&](std::string_view key, std::string_view value) {
    if (const auto name = keys::parse_collection(key)) records.emplace(*name, decode_collection_record(value));
    return true;
  }));
  return records;
}

Status check_collection_name(std::string_view name) {
  if (name.empty()) return invalid_argument("collection name: empty");
  if (name.size() > kMaxNameBytes) {
    return invalid_argument(fmt::format("collection name: {} bytes, expected at most {}", name.size(), kMaxNameBytes));
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' || c == '\\' || byte < 0x20 || byte == 0x7f) {
      return invalid_argument(fmt::format("collection name: byte 0x{:02x} is not allowed", byte));
    }
  }
  return {};
}

}  // namespace orthant
