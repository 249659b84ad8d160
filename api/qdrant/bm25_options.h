#pragma once
// Options of documents with the model `qdrant/bm25`. Pure functions, any thread.

#include <string_view>

#include "api/json/json_reader.h"
#include "engine/bm25_options.h"

namespace orthant::qdrant {

// "qdrant/bm25" or "bm25", in any case.
bool is_bm25_name(std::string_view model);

// {"k", "b", "avg_len", "tokenizer", "language", "lowercase", "ascii_folding", "stopwords", "stemmer", "min_token_len",
// "max_token_len"}: all optional, unknown members are ignored.
Result<Bm25Options> parse_bm25_options(JsonValue options);

}  // namespace orthant::qdrant
