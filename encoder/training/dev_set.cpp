#include "encoder/training/dev_set.h"

#include <string_view>
#include <unordered_map>

namespace orthant {

DevSet::DevSet(const TrainingData& dev) : data_(dev) {
  if (dev.kind == ExampleKind::kPairs) {
    add_pairs();
    return;
  }
  for (const TrainingExample& example : dev.examples) texts_.push_back({example.texts[0], Purpose::kDocument});
  queries_ = texts_.size();
  if (dev.kind != ExampleKind::kScored) return;
  for (const TrainingExample& example : dev.examples) texts_.push_back({example.texts[1], Purpose::kDocument});
}

void DevSet::add_pairs() {
  std::unordered_map<std::string_view, std::size_t> queries;
  std::unordered_map<std::string_view, std::int64_t> documents;
  std::vector<PurposedText> candidates;
  const auto place_of = [&](std::string_view text) {
    const auto [entry, is_new] = documents.try_emplace(text, static_cast<std::int64_t>(candidates.size()));
    if (is_new) candidates.push_back({text, Purpose::kDocument});
    return entry->second;
  };
  for (const TrainingExample& example : data_.examples) {
    const auto [query, is_new] = queries.try_emplace(example.texts[0], answers_.size());
    if (is_new) {
      texts_.push_back({example.texts[0], Purpose::kQuery});
      answers_.emplace_back();
    }
    answers_[query->second].push_back(place_of(example.texts[1]));
    for (std::size_t i = 2; i < example.texts.size(); ++i) place_of(example.texts[i]);
  }
  queries_ = texts_.size();
  texts_.insert(texts_.end(), candidates.begin(), candidates.end());
}

Result<DevScores> DevSet::score(const TextEmbedder& embedder) {
  const NoGradients guard;
  return score_rows(ORTHANT_TRY(embedder.embed(texts_)));
}

DevScores DevSet::score_rows(const at::Tensor& rows) {
  const auto queries = static_cast<std::int64_t>(queries_);
  const at::Tensor first = rows.narrow(0, 0, queries);
  const at::Tensor second = rows.narrow(0, queries, rows.size(0) - queries);
  switch (data_.kind) {
    case ExampleKind::kPairs: return retrieval_scores(first, second, answers_);
    case ExampleKind::kScored: {
      std::vector<double> scores;
      for (const TrainingExample& example : data_.examples) scores.push_back(example.score);
      return correlation_scores(first, second, scores);
    }
    case ExampleKind::kLabels: {
      std::vector<std::uint32_t> labels;
      for (const TrainingExample& example : data_.examples) labels.push_back(example.label);
      return label_scores(rows, labels);
    }
    case ExampleKind::kTexts: break;
  }
  if (neighbours_.empty()) neighbours_ = nearest_ten(rows);
  return neighbour_scores(rows, neighbours_);
}

}  // namespace orthant
