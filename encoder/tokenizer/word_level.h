#pragma once
// WordLevel: a word to its id, or to the unknown token's. Immutable, any thread.

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/token_index.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class WordLevel final : public Model {
 public:
  explicit WordLevel(const WordLevelSpec& spec);

  void append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const override {
    const std::uint32_t id = tokens_.find(word);
    ids.push_back(id == TokenIndex::kNone ? unknown_id_ : id);
  }

 private:
  const TokenIndex tokens_;
  const std::uint32_t unknown_id_;
};

}  // namespace orthant
