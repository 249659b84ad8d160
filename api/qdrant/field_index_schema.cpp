// PUT /collections/{c}/index: a schema as the user writes it, to what the engine builds and what is given back.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/qdrant/collection_settings.h"
#include "api/qdrant/json_fields.h"
#include "api/qdrant/parse_fields.h"
#include "engine/payload/json_path.h"
#include "engine/payload/stemmer.h"
#include "engine/payload/stop_words.h"

namespace orthant::qdrant {
namespace {

constexpr FieldRule bool_rule(std::string_view name) {
  return {.name = name, .kind = FieldKind::kBool};
}

constexpr std::array kCommonRules = {bool_rule("on_disk"), FieldRule{.name = "memory", .kind = FieldKind::kString},
                                     bool_rule("enable_hnsw")};
constexpr std::array kKeywordRules = {bool_rule("is_tenant"), bool_rule("prefix")};
constexpr std::array kUuidRules = {bool_rule("is_tenant")};
constexpr std::array kIntegerRules = {bool_rule("lookup"), bool_rule("range"), bool_rule("is_principal")};
constexpr std::array kRangeRules = {bool_rule("is_principal")};
constexpr std::array kTextRules = {FieldRule{.name = "tokenizer", .kind = FieldKind::kString},
                                   FieldRule{.name = "min_token_len"},
                                   FieldRule{.name = "max_token_len"},
                                   bool_rule("lowercase"),
                                   bool_rule("ascii_folding"),
                                   bool_rule("phrase_matching"),
                                   FieldRule{.name = "stopwords", .kind = FieldKind::kAny},
                                   FieldRule{.name = "stemmer", .kind = FieldKind::kAny},
                                   FieldRule{.name = "scoring", .kind = FieldKind::kAny}};

struct TypeRow {
  std::string_view name;
  FieldType type;
  std::span<const FieldRule> rules;
};
constexpr std::array<TypeRow, 8> kTypes = {{{"keyword", FieldType::kKeyword, kKeywordRules},
                                            {"integer", FieldType::kInteger, kIntegerRules},
                                            {"float", FieldType::kFloat, kRangeRules},
                                            {"geo", FieldType::kGeo, {}},
                                            {"text", FieldType::kText, kTextRules},
                                            {"bool", FieldType::kBool, {}},
                                            {"datetime", FieldType::kDatetime, kRangeRules},
                                            {"uuid", FieldType::kUuid, kUuidRules}}};
constexpr std::array<std::pair<std::string_view, TextTokenizer>, 4> kTokenizers = {
    {{"word", TextTokenizer::kWord},
     {"whitespace", TextTokenizer::kWhitespace},
     {"prefix", TextTokenizer::kPrefix},
     {"multilingual", TextTokenizer::kMultilingual}}};

template <typename Rows, typename Name>
std::string expected_names(const Rows& rows, const Name& name) {
  std::string text;
  for (const auto& row : rows) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name(row));
  return text;
}

Result<const TypeRow*> parse_type(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  const auto row = std::ranges::find(kTypes, name, &TypeRow::name);
  if (row != kTypes.end()) return &*row;
  const std::string names = expected_names(kTypes, [](const TypeRow& type) { return type.name; });
  return value.format_error(fmt::format("unknown variant `{}`, expected one of {}", name, names));
}

Result<TextTokenizer> parse_tokenizer(JsonValue value) {
  const std::string name = ORTHANT_TRY(value.as_string());
  const auto row = std::ranges::find(kTokenizers, name, [](const auto& tokenizer) { return tokenizer.first; });
  if (row != kTokenizers.end()) return row->second;
  const std::string names = expected_names(kTokenizers, [](const auto& tokenizer) { return tokenizer.first; });
  return value.format_error(fmt::format("unknown variant `{}`, expected one of {}", name, names));
}

Result<std::optional<std::uint32_t>> find_token_length(JsonValue schema, std::string_view name) {
  const auto value = schema.find(name);
  if (!value) return std::optional<std::uint32_t>();
  const std::uint64_t length = ORTHANT_TRY(value->as_uint());
  if (length < 1 || length > 65'535) return value->out_of_range("must be from 1 to 65535");
  return std::optional<std::uint32_t>(static_cast<std::uint32_t>(length));
}

Status add_stop_words(JsonValue language, std::vector<std::string>& words) {
  const std::string name = ORTHANT_TRY(language.as_string());
  const auto list = stop_words(name);
  if (list.empty()) {
    return language.format_error(fmt::format("unknown variant `{}`, expected one of {}", name, stop_word_languages()));
  }
  words.insert(words.end(), list.begin(), list.end());
  return {};
}

// A language, or {"languages": [..], "custom": [..]}. The words themselves are kept: a later list changes no index.
Result<std::vector<std::string>> parse_stopwords(JsonValue value) {
  std::vector<std::string> words;
  if (value.is_string()) {
    ORTHANT_TRY(add_stop_words(value, words));
    return words;
  }
  ORTHANT_TRY(value.expect_object());
  if (const auto languages = value.find("languages")) {
    ORTHANT_TRY(languages->expect_array());
    for (const JsonValue language : languages->items()) ORTHANT_TRY(add_stop_words(language, words));
  }
  if (const auto custom = value.find("custom")) {
    for (std::string& word : ORTHANT_TRY(custom->as_strings())) words.push_back(std::move(word));
  }
  return words;
}

// {"type": "none"} or {"type": "snowball", "language": ".."}
Result<std::string> parse_stemmer(JsonValue value) {
  const JsonValue type = ORTHANT_TRY(value.require("type"));
  const std::string kind = ORTHANT_TRY(type.as_string());
  if (kind == "none") return std::string();
  if (kind != "snowball") return type.format_error(fmt::format("unknown variant `{}`, expected one of `snowball`, `none`", kind));
  const JsonValue language = ORTHANT_TRY(value.require("language"));
  const std::string name = ORTHANT_TRY(language.as_string());
  if (const auto stemmer = Stemmer::make(name); !stemmer) return language.format_error(stemmer.error().message);
  return std::string(language_name(name));
}

// A flag, or {"type": "bm25"}.
Result<bool> parse_scoring(JsonValue value) {
  if (value.is_bool()) return value.as_bool();
  const JsonValue type = ORTHANT_TRY(value.require("type"));
  const std::string name = ORTHANT_TRY(type.as_string());
  if (name != "bm25") return type.format_error(fmt::format("unknown variant `{}`, expected `bm25`", name));
  return true;
}

Result<TextOptions> parse_text_options(JsonValue schema) {
  TextOptions options;
  if (const auto tokenizer = schema.find("tokenizer")) options.tokenizer = ORTHANT_TRY(parse_tokenizer(*tokenizer));
  options.lowercase = ORTHANT_TRY(schema.find_bool("lowercase")).value_or(true);
  options.ascii_folding = ORTHANT_TRY(schema.find_bool("ascii_folding")).value_or(false);
  options.phrase_matching = ORTHANT_TRY(schema.find_bool("phrase_matching")).value_or(false);
  options.min_token_length = ORTHANT_TRY(find_token_length(schema, "min_token_len"));
  options.max_token_length = ORTHANT_TRY(find_token_length(schema, "max_token_len"));
  if (options.min_token_length && options.max_token_length && *options.min_token_length > *options.max_token_length) {
    return schema.validation_error("`min_token_len` must not be above `max_token_len`");
  }
  if (const auto words = schema.find("stopwords")) options.stopwords = ORTHANT_TRY(parse_stopwords(*words));
  if (const auto stemmer = schema.find("stemmer")) options.stemmer = ORTHANT_TRY(parse_stemmer(*stemmer));
  if (const auto scoring = schema.find("scoring")) options.scoring = ORTHANT_TRY(parse_scoring(*scoring));
  return options;
}

Status check_integer_options(JsonValue schema) {
  const bool lookup = ORTHANT_TRY(schema.find_bool("lookup")).value_or(true);
  const bool range = ORTHANT_TRY(schema.find_bool("range")).value_or(true);
  if (lookup || range) return {};
  return schema.validation_error("the 'lookup' and 'range' capabilities can't be both disabled");
}

// The schema reduced to what is known, because clients parse it strictly when it comes back.
Result<std::string> known_schema(JsonValue schema, const TypeRow& type) {
  if (schema.is_string()) return std::string(schema.raw());
  JsonFields fields;
  ORTHANT_TRY(collect_fields(schema, kCommonRules, fields));
  ORTHANT_TRY(collect_fields(schema, type.rules, fields));
  fields["type"] = fmt::format("\"{}\"", type.name);
  return fields_to_json(fields);
}

}  // namespace

std::string_view field_type_name(FieldType type) {
  return std::ranges::find(kTypes, type, &TypeRow::type)->name;
}

Result<FieldIndex> parse_field_index(JsonValue body) {
  FieldIndex index;
  const JsonValue name = ORTHANT_TRY(body.require("field_name"));
  index.field = ORTHANT_TRY(name.as_string());
  if (!JsonPath::parse(index.field)) return name.format_error("Invalid json path: '" + index.field + "'");
  auto schema = body.find("field_schema");
  if (!schema) schema = body.find("field_type");
  if (!schema) return body.format_error("missing field `field_schema`");
  const TypeRow* type = ORTHANT_TRY(parse_type(schema->is_string() ? *schema : ORTHANT_TRY(schema->require("type"))));
  index.schema.type = type->type;
  if (const auto nested = schema->find("nested")) return unsupported(*nested);
  if (type->type == FieldType::kText) index.schema.text = ORTHANT_TRY(parse_text_options(*schema));
  if (type->type == FieldType::kInteger) ORTHANT_TRY(check_integer_options(*schema));
  index.given = ORTHANT_TRY(known_schema(*schema, *type));
  return index;
}

Status add_field_index(const FieldIndex& index, CollectionConfig& config) {
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  settings.payload_schema.insert_or_assign(index.field, index.given);
  config.dialect_json = settings.to_json();
  config.field_indexes.insert_or_assign(index.field, index.schema);
  return {};
}

Status remove_field_index(std::string_view field, CollectionConfig& config) {
  CollectionSettings settings = ORTHANT_TRY(CollectionSettings::from_json(config.dialect_json));
  settings.payload_schema.erase(std::string(field));
  config.dialect_json = settings.to_json();
  config.field_indexes.erase(std::string(field));
  return {};
}

}  // namespace orthant::qdrant
