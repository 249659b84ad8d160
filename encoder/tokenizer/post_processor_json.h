#pragma once
// Reads "post_processor" of tokenizer.json. Private to this folder; free function, any thread.

#include "encoder/tokenizer/json_node.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// Of a sequence at most one part may add ids.
Result<SequenceTemplates> read_post_processor(const JsonNode& processor);

}  // namespace orthant
