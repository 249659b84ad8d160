#pragma once
// SparseEncoder: text to a sparse vector over the model's vocabulary (SPLADE): the words that the text is about, with weights, also
// words that do not stand in it. Owns tokenizer, mapped weights and head. Immutable after load: encode() may be called from any
// number of threads at once and uses the calling thread only; SparseBatcher (sparse_batcher.h) spreads requests over threads.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"
#include "encoder/encoder.h"

namespace orthant {

struct SparseEncodeResult {
  std::vector<SparseEmbedding> embeddings;  // one a text; indices are token ids
  std::vector<std::uint32_t> token_counts;  // special tokens included, after truncation
  std::vector<bool> truncated;              // the text was longer than max_seq_length
};

class SparseEncoder {
 public:
  // A masked-language model, bare or with Sentence Transformers' SpladePooling. Errors name the file, the field, what was found and
  // what is supported.
  static Result<std::unique_ptr<SparseEncoder>> load(const std::filesystem::path& folder, const EncoderOptions& options);
  virtual ~SparseEncoder() = default;

  // dim is the size of the vocabulary.
  virtual const EncoderInfo& info() const = 0;

  // Adds the prompt of the purpose as Encoder does. The empty text is a text.
  virtual Result<SparseEncodeResult> encode(std::span<const std::string_view> texts, Purpose purpose) const = 0;
};

}  // namespace orthant
