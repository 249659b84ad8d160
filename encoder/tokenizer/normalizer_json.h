#pragma once
// Reads "normalizer" of tokenizer.json. Private to this folder; free functions, any thread.

#include <memory>
#include <optional>
#include <vector>

#include "encoder/tokenizer/json_node.h"
#include "encoder/tokenizer/normalizer.h"
#include "encoder/tokenizer/tokenizer_config.h"

namespace orthant {

// The steps, sequences unrolled. Flags of the config win over those of a BertNormalizer that stands there alone.
Result<std::vector<std::unique_ptr<Normalizer>>> read_normalizers(const JsonNode& normalizer, const TokenizerConfig& config);

// {"String": "text"} or {"Regex": "expression"}
Result<std::unique_ptr<Pattern>> read_pattern(const JsonNode& pattern);

}  // namespace orthant
