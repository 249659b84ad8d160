#pragma once
// FieldSchema: how a payload field is indexed. Plain values; part of a collection's configuration, stored in the catalog.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/payload/json_path.h"
#include "engine/payload/text_analyzer.h"

namespace orthant {

// Stored in the catalog: never renumbered.
enum class FieldType : std::uint8_t {
  kKeyword = 0,
  kInteger = 1,
  kFloat = 2,
  kGeo = 3,
  kText = 4,
  kBool = 5,
  kDatetime = 6,
  kUuid = 7,
};

struct FieldSchema {
  FieldType type = FieldType::kKeyword;
  TextOptions text{};  // of kText
  bool operator==(const FieldSchema&) const = default;
};

// By JSON path as the user wrote it: a, a.b, a[].b.
using FieldSchemas = std::map<std::string, FieldSchema>;

struct FieldIndexInfo {
  std::uint64_t points = 0;  // live points that have the field
  std::size_t memory_bytes = 0;
};

// Fields whose text conditions have options of their own. Immutable once made; any thread.
class TextFields {
 public:
  void add(JsonPath path, TextOptions options) {
    fields_.emplace_back(std::move(path), std::make_shared<const TextAnalyzer>(std::move(options)));
  }
  // Of a field without options: the default.
  std::shared_ptr<const TextAnalyzer> analyzer(std::span<const JsonPath::Step> path) const;

 private:
  std::vector<std::pair<JsonPath, std::shared_ptr<const TextAnalyzer>>> fields_;
};

}  // namespace orthant
