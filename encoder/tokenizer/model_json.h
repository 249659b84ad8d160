#pragma once
// Reads "model" of tokenizer.json. Private to this folder; free function, any thread.

#include "encoder/tokenizer/json_node.h"
#include "encoder/tokenizer/token_index.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// invalid_argument names a model, or an option of one, that is not supported; data_corruption the field that is wrong.
Result<ModelSpec> read_model(const JsonNode& model);

// {"token": id, ...}: unique tokens, unique ids.
Result<Vocabulary> read_vocabulary(const JsonNode& vocab);

// The ids of merges of tokens, by their texts.
class MergeReader {
 public:
  // `prefix` stands before the right token, and is dropped in the merged one. The vocabulary must outlive the reader.
  MergeReader(const Vocabulary& vocabulary, std::string_view prefix);

  // Nothing but what is wrong: which of the three tokens is unknown.
  std::expected<MergeSpec, std::string> read(std::string_view left, std::string_view right) const;

 private:
  TokenIndex tokens_;
  std::string_view prefix_;
};

}  // namespace orthant
