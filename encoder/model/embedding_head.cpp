#include "encoder/model/embedding_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "encoder/model/safetensors.h"

namespace orthant {
namespace {

// Sum over the tokens of weight(token) * row(token).
template <typename Weight>
void weighted_sum(std::span<const float> hidden, std::span<float> out, Weight weight) {
  std::fill(out.begin(), out.end(), 0.0F);
  const std::size_t tokens = hidden.size() / out.size();
  for (std::size_t token = 0; token < tokens; ++token) {
    const float factor = weight(token);
    const float* row = hidden.data() + token * out.size();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += factor * row[i];
  }
}

void divide(std::span<float> values, float divisor) {
  for (float& value : values) value /= divisor;
}

void pool_max(std::span<const float> hidden, std::span<float> out) {
  std::copy_n(hidden.begin(), out.size(), out.begin());
  for (std::size_t start = out.size(); start < hidden.size(); start += out.size()) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::max(out[i], hidden[start + i]);
  }
}

void pool(PoolingMode mode, std::span<const float> hidden, std::span<float> out) {
  const auto tokens = static_cast<float>(hidden.size() / out.size());
  const auto one = [](std::size_t) { return 1.0F; };
  switch (mode) {
    case PoolingMode::kCls: std::copy_n(hidden.begin(), out.size(), out.begin()); return;
    case PoolingMode::kMax: pool_max(hidden, out); return;
    case PoolingMode::kMean:
      weighted_sum(hidden, out, one);
      divide(out, tokens);
      return;
    case PoolingMode::kMeanSqrtLength:
      weighted_sum(hidden, out, one);
      divide(out, std::sqrt(tokens));
      return;
    case PoolingMode::kWeightedMean:
      weighted_sum(hidden, out, [](std::size_t token) { return static_cast<float>(token + 1); });
      divide(out, tokens * (tokens + 1.0F) / 2.0F);
      return;
    case PoolingMode::kLastToken:
      std::copy(hidden.end() - static_cast<std::ptrdiff_t>(out.size()), hidden.end(), out.begin());
      return;
  }
}

}  // namespace

void normalize_embedding(std::span<float> values) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  divide(values, std::max(static_cast<float>(std::sqrt(squares)), 1e-12F));
}

Result<EmbeddingHead::Dense> EmbeddingHead::load_dense(const DenseStage& stage, const FloatKernels& kernels) {
  const SafeTensors weights = ORTHANT_TRY(SafeTensors::open(stage.weights));
  const std::array weight_shape = {stage.output_size, stage.input_size};
  const std::vector<float> weight = ORTHANT_TRY(weights.read_floats("linear.weight", weight_shape));
  Dense dense{AlignedArray<float>(weight.size()), {}, std::vector<float>(stage.output_size), stage.activation};
  dense.linear = PackedLinear(kernels, stage.output_size, stage.input_size, dense.memory.span());
  dense.linear.set_rows(0, stage.output_size, weight.data());
  const std::array bias_shape = {stage.output_size};
  if (stage.bias) dense.bias = ORTHANT_TRY(weights.read_floats("linear.bias", bias_shape));
  return dense;
}

Result<EmbeddingHead> EmbeddingHead::load(const ModelFiles& files, const FloatKernels& kernels) {
  EmbeddingHead head;
  head.kernels_ = &kernels;
  head.hidden_size_ = files.transformer.hidden_size;
  head.size_ = files.embedding_size();
  head.pooling_ = files.pooling;
  for (const Stage& stage : files.stages) {
    const DenseStage* dense = std::get_if<DenseStage>(&stage);
    if (dense == nullptr) {
      head.stages_.emplace_back();
    } else {
      head.stages_.emplace_back(ORTHANT_TRY(load_dense(*dense, kernels)));
    }
  }
  return head;
}

void EmbeddingHead::apply(std::span<const float> hidden, std::span<float> embedding) const {
  thread_local std::vector<float> current;
  thread_local std::vector<float> next;
  current.resize(pooling_.size() * hidden_size_);
  std::span<float> rest(current);
  for (const PoolingMode mode : pooling_) {
    pool(mode, hidden, rest.first(hidden_size_));
    rest = rest.subspan(hidden_size_);
  }
  for (const std::optional<Dense>& dense : stages_) {
    if (!dense) {
      normalize_embedding(current);
      continue;
    }
    next.resize(dense->linear.output_size());
    dense->linear.multiply(1, current.data(), next.data());
    kernels_->bias_activation(1, next.size(), dense->bias.data(), dense->activation, next.data(), next.size());
    std::swap(current, next);
  }
  std::copy(current.begin(), current.end(), embedding.begin());
}

bool EmbeddingHead::normalizes() const {
  return !stages_.empty() && !stages_.back().has_value();
}

std::size_t EmbeddingHead::parameter_count() const {
  std::size_t count = 0;
  for (const std::optional<Dense>& dense : stages_) {
    if (dense) count += dense->linear.output_size() * dense->linear.input_size() + dense->bias.size();
  }
  return count;
}

}  // namespace orthant
