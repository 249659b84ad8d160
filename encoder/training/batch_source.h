#pragma once
// BatchSource: which examples make the batch of a step, as texts that are embedded once each, and which documents of a batch are
// answers of other queries. A batch depends on the data, the seed and its number alone. Holds a view of the data: it must outlive
// it. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "encoder/embedding.h"
#include "encoder/training/torch_api.h"
#include "encoder/training/training_data.h"

namespace orthant {

struct PurposedText {
  std::string_view text;
  Purpose purpose = Purpose::kDocument;
};

// The texts of one batch: `queries` of them come first, the documents after them (document i belongs to query i, further ones to
// none).
struct TextBatch {
  std::vector<PurposedText> texts;
  std::size_t queries = 0;
  at::Tensor targets;   // scores (float) or labels (int64); else undefined
  at::Tensor excluded;  // queries x documents bool, see LossBatch; else undefined
};

class BatchSource {
 public:
  BatchSource(const TrainingData& data, std::size_t batch_size, std::uint64_t seed);

  // Batches that an epoch has: examples that do not fill one more are left for other epochs, unless there is no other.
  std::uint64_t batches_an_epoch() const { return batches_an_epoch_; }
  TextBatch batch(std::uint64_t number);

 private:
  at::Tensor excluded(const TextBatch& batch) const;

  const TrainingData& data_;
  std::size_t batch_size_;
  std::uint64_t seed_;
  std::uint64_t batches_an_epoch_ = 1;
  std::uint64_t epoch_of_order_ = UINT64_MAX;
  std::vector<std::uint32_t> order_;
  // Of each query all documents that the data names as its answers.
  std::unordered_map<std::string_view, std::unordered_set<std::string_view>> answers_;
};

}  // namespace orthant
