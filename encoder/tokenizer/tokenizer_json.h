#pragma once
// Reads tokenizer.json, Hugging Face's description of a tokenizer. Free function, any thread.

#include <filesystem>

#include "base/result.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// WordPiece tokenizers with Bert's normalizer and pre-tokenizer; invalid_argument names any other part that was found,
// data_corruption the field that is wrong. Padding, truncation and the decoder are not read.
Result<TokenizerSpec> read_tokenizer_json(const std::filesystem::path& file);

}  // namespace orthant
