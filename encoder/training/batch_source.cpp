#include "encoder/training/batch_source.h"

#include <algorithm>

namespace orthant {

BatchSource::BatchSource(const TrainingData& data, std::size_t batch_size, std::uint64_t seed)
    : data_(data), batch_size_(std::min(batch_size, data.examples.size())), seed_(seed) {
  batches_an_epoch_ = std::max<std::uint64_t>(1, data.examples.size() / batch_size_);
  if (data.kind != ExampleKind::kPairs) return;
  for (const TrainingExample& example : data.examples) answers_[example.texts[0]].insert(example.texts[1]);
}

TextBatch BatchSource::batch(std::uint64_t number) {
  const std::uint64_t epoch = number / batches_an_epoch_;
  if (epoch != epoch_of_order_) {
    order_ = shuffled_order(data_.examples.size(), seed_, epoch);
    epoch_of_order_ = epoch;
  }
  const std::size_t first = number % batches_an_epoch_ * batch_size_;
  TextBatch batch;
  std::vector<PurposedText> documents;
  std::vector<PurposedText> negatives;
  std::vector<float> scores;
  std::vector<std::int64_t> labels;
  for (std::size_t i = first; i < first + batch_size_; ++i) {
    const TrainingExample& example = data_.examples[order_[i]];
    const bool query = data_.kind == ExampleKind::kPairs;
    batch.texts.push_back({example.texts[0], query ? Purpose::kQuery : Purpose::kDocument});
    if (example.texts.size() > 1) documents.push_back({example.texts[1], Purpose::kDocument});
    for (std::size_t j = 2; j < example.texts.size(); ++j) negatives.push_back({example.texts[j], Purpose::kDocument});
    scores.push_back(static_cast<float>(example.score));
    labels.push_back(example.label);
  }
  batch.queries = batch.texts.size();
  batch.texts.insert(batch.texts.end(), documents.begin(), documents.end());
  batch.texts.insert(batch.texts.end(), negatives.begin(), negatives.end());
  if (data_.kind == ExampleKind::kScored) batch.targets = at::tensor(scores, at::kFloat);
  if (data_.kind == ExampleKind::kLabels) batch.targets = at::tensor(labels, at::kLong);
  if (data_.kind == ExampleKind::kPairs) batch.excluded = excluded(batch);
  return batch;
}

at::Tensor BatchSource::excluded(const TextBatch& batch) const {
  const std::size_t documents = batch.texts.size() - batch.queries;
  at::Tensor mask = at::zeros({static_cast<std::int64_t>(batch.queries), static_cast<std::int64_t>(documents)}, at::kBool);
  bool* values = mask.data_ptr<bool>();
  for (std::size_t i = 0; i < batch.queries; ++i) {
    const auto& own = answers_.at(batch.texts[i].text);
    for (std::size_t j = 0; j < documents; ++j) {
      values[i * documents + j] = i != j && own.contains(batch.texts[batch.queries + j].text);
    }
  }
  return mask;
}

}  // namespace orthant
