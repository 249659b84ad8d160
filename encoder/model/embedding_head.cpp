#include "encoder/model/embedding_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "encoder/model/linear_tensors.h"
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

Result<EmbeddingHead::Dense> EmbeddingHead::load_dense(const DenseStage& stage, CpuLevel level) {
  const SafeTensors file = ORTHANT_TRY(SafeTensors::open(stage.weights));
  const LinearTensors tensors{"linear", {{"linear", stage.output_size}}, stage.input_size, stage.bias};
  const LinearWeights weights = ORTHANT_TRY(read_linear_weights(file, tensors));
  const std::vector<float> bias = ORTHANT_TRY(read_linear_bias(file, tensors));
  Dense dense;
  dense.memory = std::make_unique<WeightArena>(0);
  dense.linear = Linear::make(weights, bias, stage.activation, level, *dense.memory);
  dense.parameters = stage.output_size * stage.input_size + bias.size();
  return dense;
}

Result<EmbeddingHead> EmbeddingHead::load(const ModelFiles& files, CpuLevel level) {
  EmbeddingHead head;
  head.hidden_size_ = files.transformer.hidden_size;
  head.size_ = files.embedding_size();
  head.pooling_ = files.pooling;
  for (const Stage& stage : files.stages) {
    const DenseStage* dense = std::get_if<DenseStage>(&stage);
    if (dense == nullptr) {
      head.stages_.emplace_back();
    } else {
      head.stages_.emplace_back(ORTHANT_TRY(load_dense(*dense, level)));
    }
  }
  return head;
}

void EmbeddingHead::apply(std::span<const float> hidden, std::span<float> embedding) const {
  thread_local std::vector<float> current;
  thread_local std::vector<float> next;
  thread_local LinearScratch scratch;
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
    next.resize(dense->linear->outputs());
    dense->linear->apply(1, current.data(), next.data(), scratch);
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
    if (dense) count += dense->parameters;
  }
  return count;
}

}  // namespace orthant
