#pragma once
// Tokenizer: text to the ids that Hugging Face's `tokenizers` gives for the same tokenizer.json. Immutable after load; any number
// of threads may call it at once.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

struct TokenizedText {
  std::vector<std::uint32_t> ids;  // special tokens included, never padded
  bool truncated = false;          // the text had more tokens than max_tokens allowed
  // Of pairs: the segment of each id (0 or 1 for most tokenizers). Empty for single texts, whose ids are all of segment 0.
  std::vector<std::uint8_t> type_ids = {};
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `folder` holds tokenizer.json (tokenizer_config.json beside it wins for lengths and flags; vocab.txt alone serves where
  // there is no tokenizer.json). Padding and truncation set in tokenizer.json are ignored: the model decides.
  // data_corruption or invalid_argument names the file and the field.
  static Result<std::unique_ptr<Tokenizer>> load(const std::filesystem::path& folder);

  // Invalid UTF-8 is taken as Python's errors="replace" takes it (each maximal bad part becomes U+FFFD). At most `max_tokens` ids
  // come back, special tokens counted (0: no limit); the empty text gives the special tokens alone.
  virtual TokenizedText tokenize(std::string_view text, std::size_t max_tokens) const = 0;

  // Two texts as one sequence, as cross-encoders want them. More than `max_tokens` ids are cut as Hugging Face's longest_first
  // does it: the longer text loses its end until both are of a length, then both lose theirs.
  virtual TokenizedText tokenize_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const = 0;

  // As tokenize(), without special tokens: for models that average the rows of a table (model2vec).
  virtual TokenizedText tokenize_content(std::string_view text, std::size_t max_tokens) const = 0;

  // One more than the largest id.
  virtual std::size_t vocabulary_size() const = 0;

  // The length that tokenizer_config.json states, 0 if none (huge sentinel values count as none).
  virtual std::size_t model_max_length() const = 0;
};

}  // namespace orthant
