#include "encoder/training/losses.h"

#include <cmath>
#include <limits>

namespace orthant {
namespace {

at::Tensor without(const at::Tensor& scores, const at::Tensor& excluded) {
  return excluded.defined() ? scores.masked_fill(excluded, -std::numeric_limits<float>::infinity()) : scores;
}

at::Tensor first_columns(const at::Tensor& rows, std::int64_t length) {
  return rows.defined() && length < rows.size(-1) ? rows.narrow(-1, 0, length) : rows;
}

struct Compared {
  at::Tensor queries;
  at::Tensor documents;
};

at::Tensor in_form(const at::Tensor& rows, SearchForm form, bool is_query, const LossOptions& options, double sharpness) {
  if (!rows.defined()) return rows;
  const at::Tensor unit = unit_rows(rows);
  const bool signs = form == SearchForm::kBinary || (form == SearchForm::kAsymmetric && !is_query);
  if (signs) return options.soft_signs ? soft_signs(unit, sharpness) : straight_through_signs(unit, sharpness);
  return form == SearchForm::kInt8 ? fake_int8_rows(unit) : unit;
}

// What a text is most similar to is itself: that teaches nothing.
at::Tensor distillation_of(const LossBatch& batch, const Compared& rows, const LossOptions& options) {
  const at::Tensor teacher_queries = unit_rows(batch.teacher_queries);
  if (rows.documents.defined()) {
    const at::Tensor teacher = at::matmul(teacher_queries, unit_rows(batch.teacher_documents).t());
    return distillation_loss(at::matmul(rows.queries, rows.documents.t()), teacher, {}, options.temperature);
  }
  const at::Tensor self = at::eye(rows.queries.size(0), at::kFloat) > 0;
  return distillation_loss(at::matmul(rows.queries, rows.queries.t()), at::matmul(teacher_queries, teacher_queries.t()), self,
                           options.temperature);
}

at::Tensor loss_of(const LossBatch& batch, const Compared& rows, const LossOptions& options) {
  switch (options.kind) {
    case LossKind::kContrastive: return contrastive_loss(rows.queries, rows.documents, batch.excluded, options.temperature);
    case LossKind::kCosent: return cosent_loss(rows.queries, rows.documents, batch.targets, options.temperature);
    case LossKind::kCosine: return cosine_loss(rows.queries, rows.documents, batch.targets);
    case LossKind::kDistillation: return distillation_of(batch, rows, options);
    case LossKind::kCrossEntropy:
    case LossKind::kBpr: break;  // not of forms
  }
  return {};
}

}  // namespace

at::Tensor compared_loss(const LossBatch& batch, const LossOptions& options, double sharpness) {
  if (options.kind == LossKind::kCrossEntropy) return at::cross_entropy_loss(batch.queries, batch.targets);
  std::vector<std::int64_t> lengths = options.lengths;
  if (lengths.empty()) lengths.push_back(batch.queries.size(-1));
  at::Tensor sum = at::zeros({}, at::kFloat);
  double weights = 0;
  for (const std::int64_t length : lengths) {
    const at::Tensor queries = first_columns(batch.queries, length);
    const at::Tensor documents = first_columns(batch.documents, length);
    if (options.kind == LossKind::kBpr) {
      sum = sum + bpr_loss(unit_rows(queries), unit_rows(documents), batch.excluded, options.margin, sharpness);
      weights += 1;
      continue;
    }
    for (const FormWeight& form : options.forms) {
      const Compared rows{in_form(queries, form.form, true, options, sharpness),
                          in_form(documents, form.form, false, options, sharpness)};
      sum = sum + loss_of(batch, rows, options) * form.weight;
      weights += form.weight;
    }
  }
  return sum / weights;
}

at::Tensor contrastive_loss(const at::Tensor& queries, const at::Tensor& documents, const at::Tensor& excluded,
                            double temperature) {
  const at::Tensor scores = without(at::matmul(queries, documents.t()) / temperature, excluded);
  return at::cross_entropy_loss(scores, at::arange(queries.size(0), at::kLong));
}

// log(1 + sum over pairs of pairs with score_i > score_j of exp((cosine_j - cosine_i) / temperature))
at::Tensor cosent_loss(const at::Tensor& first, const at::Tensor& second, const at::Tensor& scores, double temperature) {
  const at::Tensor cosines = (first * second).sum(-1) / temperature;
  const at::Tensor differences = cosines.unsqueeze(0) - cosines.unsqueeze(1);  // [i][j] = cosine_j - cosine_i
  const at::Tensor ordered = scores.unsqueeze(1) > scores.unsqueeze(0);
  const at::Tensor kept = differences.masked_select(ordered);
  return at::logsumexp(at::cat({at::zeros({1}, at::kFloat), kept}, 0), {0});
}

at::Tensor cosine_loss(const at::Tensor& first, const at::Tensor& second, const at::Tensor& scores) {
  return at::mse_loss((first * second).sum(-1), scores);
}

// The cross-entropy minus the teacher's own entropy, so that 0 is reached when both agree.
at::Tensor distillation_loss(const at::Tensor& similarities, const at::Tensor& teacher, const at::Tensor& excluded,
                             double temperature) {
  const at::Tensor wanted = at::log_softmax(without(teacher / temperature, excluded), -1);
  const at::Tensor found = at::log_softmax(without(similarities / temperature, excluded), -1);
  const at::Tensor terms = wanted.exp() * (wanted - found);
  return (excluded.defined() ? terms.masked_fill(excluded, 0.0) : terms).sum(-1).mean();
}

at::Tensor bpr_loss(const at::Tensor& queries, const at::Tensor& documents, const at::Tensor& excluded, double margin,
                    double sharpness) {
  const double root = std::sqrt(static_cast<double>(queries.size(-1)));
  const at::Tensor query_codes = soft_signs(queries, sharpness) * root;
  const at::Tensor document_codes = soft_signs(documents, sharpness) * root;
  const at::Tensor scores = at::matmul(query_codes, document_codes.t());
  const at::Tensor own = scores.diagonal().unsqueeze(1);
  at::Tensor negatives = at::relu(margin - own + scores);
  at::Tensor skipped = at::eye(scores.size(0), scores.size(1), at::kFloat) > 0;
  if (excluded.defined()) skipped = at::logical_or(skipped, excluded);
  negatives = negatives.masked_fill(skipped, 0.0);
  // The mean over the pairs of a query and a negative.
  const double count = static_cast<double>(scores.numel() - scores.size(0));
  const at::Tensor candidates = negatives.sum() / count;
  return candidates + contrastive_loss(queries, document_codes, excluded, 1.0);
}

}  // namespace orthant
