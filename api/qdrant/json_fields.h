#pragma once
// Options of a configuration by rules: which members are known, of which kind, within which bounds. Known members are kept as
// text, unknown ones are ignored, as Qdrant does. Pure functions, any thread.

#include <optional>
#include <span>
#include <string_view>

#include "api/qdrant/collection_settings.h"

namespace orthant::qdrant {

enum class FieldKind { kUnsigned, kNumber, kBool, kString, kObject, kPlacement, kPayloadPlacement, kAny };

struct FieldRule {
  std::string_view name;
  FieldKind kind = FieldKind::kUnsigned;
  double least = 0;  // of numbers
  std::optional<double> most = std::nullopt;
  std::string_view alias = {};  // another name on input
};

// Adds the members of `object` that the rules know to `fields`. Format errors for wrong kinds, validation errors for bounds.
Status collect_fields(JsonValue object, std::span<const FieldRule> rules, JsonFields& fields);

std::span<const FieldRule> hnsw_rules();
std::span<const FieldRule> optimizer_rules();
std::span<const FieldRule> wal_rules();
std::span<const FieldRule> params_rules();
std::span<const FieldRule> strict_mode_rules();

// {"scalar": {..}}, {"product": {..}}, {"binary": {..}} or {"turbo": {..}}: checked, and reduced to what is known, because clients
// parse it strictly when it comes back.
Result<std::string> parse_quantization(JsonValue value);

// {"name": text, ..}
void write_fields(JsonWriter& json, const JsonFields& fields);
std::string fields_to_json(const JsonFields& fields);
// Every member of an object (nothing for other values), as text.
JsonFields all_fields(JsonValue object);

}  // namespace orthant::qdrant
