#pragma once
// How good embeddings are in each form they are searched in. Exact searches over small sets. Free functions over tensors without
// gradients.

#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "encoder/training/torch_api.h"
#include "encoder/training/trainer.h"

namespace orthant {

// Mean nDCG@10; answers[i] lists the rows of `documents` that answer query i, all equally. A document that scores the same as
// another comes behind it when its row is later.
DevScores retrieval_scores(const at::Tensor& queries, const at::Tensor& documents,
                           std::span<const std::vector<std::int64_t>> answers);

// Spearman's rank correlation of cosines and scores; equal values share their mean rank.
DevScores correlation_scores(const at::Tensor& first, const at::Tensor& second, std::span<const double> scores);

// The share of rows whose largest value stands at their label; in `float_search` alone.
DevScores label_scores(const at::Tensor& logits, std::span<const std::uint32_t> labels);

// The ten nearest other rows of each row by cosine.
std::vector<std::vector<std::int64_t>> nearest_ten(const at::Tensor& rows);

// The share of `neighbours` that are found again among the ten nearest other rows.
DevScores neighbour_scores(const at::Tensor& rows, std::span<const std::vector<std::int64_t>> neighbours);

}  // namespace orthant
