#pragma once
// Reranker: a cross-encoder, which reads a query and a document together and says how well the document answers. Owns tokenizer,
// mapped weights and head. Immutable after load: score() may be called from any number of threads at once and uses the calling
// thread only; RerankBatcher (rerank_batcher.h) spreads requests over threads.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"

namespace orthant {

struct RerankResult {
  std::vector<float> logits;                // one a document: higher is better, any real number
  std::vector<float> scores;                // logits through the model's activation: the same order
  std::vector<std::uint32_t> token_counts;  // of the pairs, special tokens included, after truncation
  std::vector<bool> truncated;              // query and document together were longer than max_seq_length
};

class Reranker {
 public:
  // A folder of transformers or CrossEncoder with a sequence classification head of one label. The activation is the one that its
  // files name, a sigmoid where they name none. Errors name the file, the field, what was found and what is supported.
  static Result<std::unique_ptr<Reranker>> load(const std::filesystem::path& folder, const EncoderOptions& options);
  virtual ~Reranker() = default;

  virtual const EncoderInfo& info() const = 0;

  // The same pair gives the same score alone and in any batch (to 1e-6). Pairs that are too long lose tokens of the longer text.
  virtual Result<RerankResult> score(std::string_view query, std::span<const std::string_view> documents) const = 0;
};

}  // namespace orthant
