#include "api/qdrant/json_fields.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace orthant::qdrant {
namespace {

constexpr std::array kHnswRules = {
    FieldRule{.name = "m"},
    FieldRule{.name = "ef_construct", .least = 4},
    FieldRule{.name = "full_scan_threshold", .alias = "full_scan_threshold_kb"},
    FieldRule{.name = "max_indexing_threads"},
    FieldRule{.name = "on_disk", .kind = FieldKind::kBool},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
    FieldRule{.name = "payload_m"},
    FieldRule{.name = "inline_storage", .kind = FieldKind::kBool},
};

constexpr std::array kOptimizerRules = {
    FieldRule{.name = "deleted_threshold", .kind = FieldKind::kNumber, .least = 0, .most = 1},
    FieldRule{.name = "vacuum_min_vector_number", .least = 100},
    FieldRule{.name = "default_segment_number"},
    FieldRule{.name = "max_segment_size", .alias = "max_segment_size_kb"},
    FieldRule{.name = "memmap_threshold", .alias = "memmap_threshold_kb"},
    FieldRule{.name = "indexing_threshold", .alias = "indexing_threshold_kb"},
    FieldRule{.name = "flush_interval_sec"},
    FieldRule{.name = "max_optimization_threads"},
    FieldRule{.name = "prevent_unoptimized", .kind = FieldKind::kBool},
};

constexpr std::array kWalRules = {
    FieldRule{.name = "wal_capacity_mb", .least = 1},
    FieldRule{.name = "wal_segments_ahead"},
    FieldRule{.name = "wal_retain_closed", .least = 1},
};

constexpr std::array kParamsRules = {
    FieldRule{.name = "shard_number", .least = 1},
    FieldRule{.name = "replication_factor", .least = 1},
    FieldRule{.name = "write_consistency_factor", .least = 1},
    FieldRule{.name = "read_fan_out_factor"},
    FieldRule{.name = "read_fan_out_delay_ms"},
    FieldRule{.name = "on_disk_payload", .kind = FieldKind::kBool},
    FieldRule{.name = "sharding_method", .kind = FieldKind::kString},
    FieldRule{.name = "payload", .kind = FieldKind::kPayloadPlacement},
    FieldRule{.name = "id_tracker", .kind = FieldKind::kPlacement},
};

constexpr std::array kStrictModeRules = {
    FieldRule{.name = "enabled", .kind = FieldKind::kBool},
    FieldRule{.name = "max_query_limit", .least = 1},
    FieldRule{.name = "max_timeout", .least = 1},
    FieldRule{.name = "unindexed_filtering_retrieve", .kind = FieldKind::kBool},
    FieldRule{.name = "unindexed_filtering_update", .kind = FieldKind::kBool},
    FieldRule{.name = "search_max_hnsw_ef"},
    FieldRule{.name = "search_allow_exact", .kind = FieldKind::kBool},
    FieldRule{.name = "search_max_oversampling", .kind = FieldKind::kNumber},
    FieldRule{.name = "upsert_max_batchsize"},
    FieldRule{.name = "search_max_batchsize"},
    FieldRule{.name = "max_collection_vector_size_bytes"},
    FieldRule{.name = "max_collection_payload_size_bytes"},
    FieldRule{.name = "read_rate_limit", .least = 1},
    FieldRule{.name = "write_rate_limit", .least = 1},
    FieldRule{.name = "max_points_count", .least = 1},
    FieldRule{.name = "filter_max_conditions"},
    FieldRule{.name = "condition_max_size"},
    FieldRule{.name = "multivector_config", .kind = FieldKind::kObject},
    FieldRule{.name = "sparse_config", .kind = FieldKind::kObject},
    FieldRule{.name = "max_payload_index_count"},
    FieldRule{.name = "max_resident_memory_percent", .least = 1, .most = 100},
};

constexpr std::array kScalarRules = {
    FieldRule{.name = "type", .kind = FieldKind::kString},
    FieldRule{.name = "quantile", .kind = FieldKind::kNumber, .least = 0.5, .most = 1},
    FieldRule{.name = "always_ram", .kind = FieldKind::kBool},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
};
constexpr std::array kProductRules = {
    FieldRule{.name = "compression", .kind = FieldKind::kString},
    FieldRule{.name = "always_ram", .kind = FieldKind::kBool},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
};
constexpr std::array kBinaryRules = {
    FieldRule{.name = "always_ram", .kind = FieldKind::kBool},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
    FieldRule{.name = "encoding", .kind = FieldKind::kString},
    FieldRule{.name = "query_encoding", .kind = FieldKind::kString},
};
constexpr std::array kTurboRules = {
    FieldRule{.name = "always_ram", .kind = FieldKind::kBool},
    FieldRule{.name = "memory", .kind = FieldKind::kString},
    FieldRule{.name = "bits", .kind = FieldKind::kString},
};

std::string range_text(const FieldRule& rule) {
  if (rule.most) return fmt::format("must be from {} to {}", rule.least, *rule.most);
  return fmt::format("must be {} or larger", rule.least);
}

// {"memory": "cold" | "cached" | "pinned"}
Status check_placement(JsonValue value, bool may_be_pinned) {
  ORTHANT_TRY(value.expect_object());
  const auto memory = value.find("memory");
  if (!memory) return {};
  const std::string word = ORTHANT_TRY(memory->as_string());
  if (word == "pinned" && !may_be_pinned) return memory->validation_error("`pinned` is not possible for payloads");
  if (word == "cold" || word == "cached" || word == "pinned") return {};
  return memory->format_error(fmt::format("unknown variant `{}`, expected one of `cold`, `cached`, `pinned`", word));
}

Status check_field(JsonValue value, const FieldRule& rule) {
  double number = rule.least;
  switch (rule.kind) {
    case FieldKind::kUnsigned: number = static_cast<double>(ORTHANT_TRY(value.as_uint())); break;
    case FieldKind::kNumber: number = ORTHANT_TRY(value.as_double()); break;
    case FieldKind::kBool: ORTHANT_TRY(value.as_bool()); break;
    case FieldKind::kString: ORTHANT_TRY(value.as_string()); break;
    case FieldKind::kObject: return value.expect_object();
    case FieldKind::kPlacement: return check_placement(value, true);
    case FieldKind::kPayloadPlacement: return check_placement(value, false);
    case FieldKind::kAny: break;
  }
  if (number < rule.least || (rule.most && number > *rule.most)) return value.out_of_range(range_text(rule));
  return {};
}

// A string member that must be one of a few words.
Status check_word(JsonValue object, std::string_view name, std::span<const std::string_view> words, bool required) {
  const auto value = object.find(name);
  if (!value && !required) return {};
  if (!value) return object.format_error(fmt::format("missing field `{}`", name));
  const std::string word = ORTHANT_TRY(value->as_string());
  if (std::ranges::find(words, word) != words.end()) return {};
  return value->format_error(fmt::format("unknown variant `{}`, expected one of `{}`", word, fmt::join(words, "`, `")));
}

Status check_quantization_words(std::string_view kind, JsonValue options) {
  using Words = std::span<const std::string_view>;
  constexpr std::array<std::string_view, 1> kScalarTypes = {"int8"};
  constexpr std::array<std::string_view, 5> kCompressions = {"x4", "x8", "x16", "x32", "x64"};
  constexpr std::array<std::string_view, 3> kEncodings = {"one_bit", "two_bits", "one_and_half_bits"};
  constexpr std::array<std::string_view, 4> kQueryEncodings = {"default", "binary", "scalar4bits", "scalar8bits"};
  constexpr std::array<std::string_view, 5> kTurboBits = {"bits1", "bits1_5", "bits2", "bits4", "bits8"};
  if (kind == "scalar") return check_word(options, "type", Words(kScalarTypes), true);
  if (kind == "product") return check_word(options, "compression", Words(kCompressions), true);
  if (kind == "turbo") return check_word(options, "bits", Words(kTurboBits), false);
  ORTHANT_TRY(check_word(options, "encoding", Words(kEncodings), false));
  return check_word(options, "query_encoding", Words(kQueryEncodings), false);
}

}  // namespace

std::span<const FieldRule> hnsw_rules() {
  return kHnswRules;
}
std::span<const FieldRule> optimizer_rules() {
  return kOptimizerRules;
}
std::span<const FieldRule> wal_rules() {
  return kWalRules;
}
std::span<const FieldRule> params_rules() {
  return kParamsRules;
}
std::span<const FieldRule> strict_mode_rules() {
  return kStrictModeRules;
}

Status collect_fields(JsonValue object, std::span<const FieldRule> rules, JsonFields& fields) {
  ORTHANT_TRY(object.expect_object());
  for (const FieldRule& rule : rules) {
    auto value = object.find(rule.name);
    if (!value && !rule.alias.empty()) value = object.find(rule.alias);
    if (!value) continue;
    // "auto" lets the server choose a count, which is what absence does.
    if (rule.kind == FieldKind::kUnsigned && value->is_string() && value->raw() == "\"auto\"") continue;
    ORTHANT_TRY(check_field(*value, rule));
    fields.insert_or_assign(std::string(rule.name), std::string(value->raw()));
  }
  return {};
}

Result<std::string> parse_quantization(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  const std::array<std::pair<std::string_view, std::span<const FieldRule>>, 4> kinds = {
      {{"scalar", kScalarRules}, {"product", kProductRules}, {"binary", kBinaryRules}, {"turbo", kTurboRules}}};
  for (const auto& [kind, rules] : kinds) {
    const auto options = value.find(kind);
    if (!options) continue;
    JsonFields fields;
    ORTHANT_TRY(collect_fields(*options, rules, fields));
    ORTHANT_TRY(check_quantization_words(kind, *options));
    return fmt::format(R"({{"{}":{}}})", kind, fields_to_json(fields));
  }
  return value.expected("one of scalar, product, binary, turbo");
}

void write_fields(JsonWriter& json, const JsonFields& fields) {
  json.begin_object();
  for (const auto& [name, text] : fields) json.key(name).raw(text);
  json.end_object();
}

std::string fields_to_json(const JsonFields& fields) {
  std::string text;
  JsonWriter json(text);
  write_fields(json, fields);
  return text;
}

JsonFields all_fields(JsonValue object) {
  JsonFields fields;
  if (!object.is_object()) return fields;
  for (const JsonValue member : object.items()) fields.insert_or_assign(member.key(), std::string(member.raw()));
  return fields;
}

}  // namespace orthant::qdrant
