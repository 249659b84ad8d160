#pragma once
// Losses on embeddings. Each takes what one batch gave and returns one number with gradients. compared_loss() wraps any of them: it
// applies it to the float, int8 and binary forms of the embeddings at once, with weights, and at several lengths of them
// (Matryoshka). Free functions over tensors, one thread at a time.

#include "encoder/training/embedding_forms.h"
#include "encoder/training/torch_api.h"
#include "encoder/training/training_options.h"

namespace orthant {

// Embeddings of one batch as the model gives them. Sizes: n examples, m documents, m >= n.
struct LossBatch {
  at::Tensor queries;    // n x dim; of pairs with a score the first texts, of single texts all of them
  at::Tensor documents;  // m x dim: document i belongs to query i, the others are negatives of all; undefined for single texts
  at::Tensor targets;    // n: scores of pairs, or labels (int64); else undefined
  at::Tensor excluded;   // n x m bool: documents that are no negatives (the same text, another answer); undefined: none
  // Of a teacher, of its own dim; only for distillation.
  at::Tensor teacher_queries;
  at::Tensor teacher_documents;
};

// The weighted mean over forms and lengths. `sharpness` is that of the signs at this step.
at::Tensor compared_loss(const LossBatch& batch, const LossOptions& options, double sharpness);

// The parts of it, on rows that are comparable by inner product.
at::Tensor contrastive_loss(const at::Tensor& queries, const at::Tensor& documents, const at::Tensor& excluded, double temperature);
at::Tensor cosent_loss(const at::Tensor& first, const at::Tensor& second, const at::Tensor& scores, double temperature);
at::Tensor cosine_loss(const at::Tensor& first, const at::Tensor& second, const at::Tensor& scores);
at::Tensor distillation_loss(const at::Tensor& similarities, const at::Tensor& teacher, const at::Tensor& excluded,
                             double temperature);
// `queries`, `documents` of length one. The sum of the candidate loss (margin, both sides tanh) and the reranking loss (float
// queries against tanh of documents).
at::Tensor bpr_loss(const at::Tensor& queries, const at::Tensor& documents, const at::Tensor& excluded, double margin,
                    double sharpness);

}  // namespace orthant
