#pragma once
// Options of documents with the model `qdrant/bm25`. Pure functions, any thread.

#include "api/json/json_reader.h"
#include "engine/bm25_options.h"

namespace orthant::qdrant {

// {"k", "b", "avg_len", "tokenizer", "language", "lowercase", "ascii_folding", "stopwords", "stemmer", "min_token_len",
// "max_token_len"}: all optional, unknown members are ignored.
Result<Bm25Options> parse_bm25_options(JsonValue options);

}  // namespace orthant::qdrant
