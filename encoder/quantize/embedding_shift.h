#pragma once
// EmbeddingComparison: how far embeddings move when a model's weights change, without any label: by themselves, and in the order
// of each text's neighbours among the other texts. Owns the reference embeddings and their neighbours. Immutable after it is made,
// any thread.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"

namespace orthant {

// Means over the texts unless stated. Distance is 1 - cosine.
struct EmbeddingShift {
  double mean_distance = 0;
  double max_distance = 0;
  // How unevenly the scores between a text and its 30 nearest move: the variance of the difference. What moves all scores of a text
  // alike changes no ranking. As mean_distance, it adds up over layers as long as their errors are independent.
  double score_variance = 0;
  // The share of a text's ten nearest that stays among its ten nearest.
  double overlap_at_10 = 1;
  // The same, weighed by rank: nDCG@10 of the changed ranking when the reference's ten nearest are the relevant documents.
  double neighbour_ndcg_at_10 = 1;
};

class EmbeddingComparison {
 public:
  // invalid_argument for fewer than kMinTexts rows: rankings of fewer say nothing.
  static Result<EmbeddingComparison> make(EmbeddingMatrix reference);

  // `changed` has the shape of the reference (asserted). Rows need not have length one.
  EmbeddingShift shift_of(EmbeddingMatrix changed) const;

  std::size_t texts() const { return reference_.rows; }

  static constexpr std::size_t kMinTexts = 12;

 private:
  explicit EmbeddingComparison(EmbeddingMatrix reference) : reference_(std::move(reference)) {}

  EmbeddingMatrix reference_;              // rows of length one
  std::vector<float> scores_;              // texts x texts
  std::vector<std::uint32_t> neighbours_;  // texts x neighbour_count_, nearest first, without the text itself
  std::size_t neighbour_count_ = 0;
};

}  // namespace orthant
