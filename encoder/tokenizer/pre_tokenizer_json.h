#pragma once
// Reads "pre_tokenizer" of tokenizer.json. Private to this folder; free function, any thread.

#include <memory>
#include <vector>

#include "encoder/tokenizer/json_node.h"
#include "encoder/tokenizer/pre_tokenizer.h"

namespace orthant {

// The steps, sequences unrolled.
Result<std::vector<std::unique_ptr<SplitStep>>> read_pre_tokenizers(const JsonNode& pre_tokenizer);

}  // namespace orthant
