#pragma once
// Reads tokenizer.json, Hugging Face's description of a tokenizer. Free function, any thread.

#include <filesystem>

#include "base/result.h"
#include "encoder/tokenizer/tokenizer_config.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// invalid_argument names any part that is not supported, data_corruption the field that is wrong. Padding, truncation and the
// decoder are not read. The config's flags and added tokens complete the file.
Result<TokenizerSpec> read_tokenizer_json(const std::filesystem::path& file, const TokenizerConfig& config);

}  // namespace orthant
