#pragma once
// DevSet: examples that are not trained on, and what a model makes of them (dev_scores.h). Holds a view of the data: it must
// outlive it. One thread at a time.

#include <optional>
#include <vector>

#include "base/result.h"
#include "encoder/training/dev_scores.h"
#include "encoder/training/text_embedder.h"
#include "encoder/training/training_data.h"

namespace orthant {

class DevSet {
 public:
  // Of pairs every document of `dev` is a candidate for every query, and so are its negatives.
  explicit DevSet(const TrainingData& dev);

  bool empty() const { return texts_.empty(); }
  // The first call settles which neighbours sets of texts are measured by.
  Result<DevScores> score(const TextEmbedder& embedder);
  // Of embeddings of texts() that were made elsewhere.
  DevScores score_rows(const at::Tensor& rows);
  std::span<const PurposedText> texts() const { return texts_; }

 private:
  void add_pairs();

  const TrainingData& data_;
  std::vector<PurposedText> texts_;  // queries or first texts, then documents or second ones
  std::size_t queries_ = 0;
  std::vector<std::vector<std::int64_t>> answers_;     // of pairs
  std::vector<std::vector<std::int64_t>> neighbours_;  // of texts
};

}  // namespace orthant
