#include "encoder/model/hidden_head.h"

#include <array>
#include <cmath>
#include <utility>

namespace orthant {
namespace {

// A vector by its name today or its name of old; zeros where the file has neither.
Result<std::vector<float>> read_optional(const SafeTensors& file, const std::string& name, const std::string& old_name,
                                         std::size_t size) {
  const std::array shape = {size};
  for (const std::string& candidate : {name, old_name}) {
    if (file.find(candidate) != nullptr) return file.read_floats(candidate, shape);
  }
  return std::vector<float>(size);
}

}  // namespace

Result<HiddenHead> HiddenHead::load(const SafeTensors& file, const HiddenHeadSpec& spec, std::size_t size, CpuLevel level) {
  const std::array square = {size, size};
  const std::array row = {size};
  HiddenHead head;
  head.arena_ = std::make_unique<WeightArena>();
  LinearWeights weights;
  weights.outputs = size;
  weights.inputs = size;
  weights.data = FloatWeights{ORTHANT_TRY(file.read_floats(spec.dense + ".weight", square))};
  const std::vector<float> bias = ORTHANT_TRY(read_optional(file, spec.dense + ".bias", "", size));
  head.linear_ = Linear::make(weights, bias, spec.activation, level, *head.arena_);
  if (spec.norm.empty()) return head;
  head.epsilon_ = spec.norm_epsilon;
  const bool is_old = file.find(spec.norm + ".gamma") != nullptr;
  head.gamma_ = ORTHANT_TRY(file.read_floats(spec.norm + (is_old ? ".gamma" : ".weight"), row));
  head.beta_ = ORTHANT_TRY(read_optional(file, spec.norm + ".bias", spec.norm + ".beta", size));
  return head;
}

void HiddenHead::apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const {
  linear_->apply(rows, input, output, scratch);
  const std::size_t size = gamma_.size();
  for (std::size_t row = 0; row < rows && size != 0; ++row) {
    float* values = output + row * size;
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += values[i];
    const double mean = sum / static_cast<double>(size);
    double squares = 0;
    for (std::size_t i = 0; i < size; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const auto centre = static_cast<float>(mean);
    const auto factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(size) + static_cast<double>(epsilon_)));
    for (std::size_t i = 0; i < size; ++i) values[i] = (values[i] - centre) * factor * gamma_[i] + beta_[i];
  }
}

std::size_t HiddenHead::parameter_count() const {
  return linear_->outputs() * (linear_->inputs() + 1) + gamma_.size() + beta_.size();
}

}  // namespace orthant
