#include "encoder/training/adam_w.h"

#include <cmath>

#include "encoder/training/adam_update.h"

namespace orthant {
AdamW::AdamW(const ParameterSet& parameters, const AdamWOptions& options) : parameters_(parameters), options_(options) {
  for (const Parameter& parameter : parameters.all()) {
    const auto count = static_cast<std::size_t>(parameter.tensor.numel());
    moments_.push_back({std::vector<float>(count), std::vector<float>(count)});
  }
}

void AdamW::step(double rate) {
  ++steps_;
  const double first_bias = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double second_bias = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    const Parameter& parameter = parameters_.all()[i];
    if (!parameter.tensor.grad().defined()) continue;
    const at::Tensor gradient = parameter.tensor.grad().contiguous();
    const double own_rate = rate * parameter.rate_factor;
    const double decay = parameter.decays ? own_rate * options_.weight_decay : 0.0;
    const AdamFactors factors{static_cast<float>(options_.beta1),   static_cast<float>(options_.beta2),
                              static_cast<float>(options_.epsilon), static_cast<float>(own_rate / first_bias),
                              static_cast<float>(1.0 - decay),      static_cast<float>(std::sqrt(second_bias))};
    adam_update(factors, gradient.data_ptr<float>(), moments_[i].first.size(), parameter.tensor.data_ptr<float>(),
                moments_[i].first.data(), moments_[i].second.data());
  }
}

double rate_share(std::uint64_t step, std::uint64_t warmup, std::uint64_t all) {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (step >= all || all <= warmup) return step >= all ? 0.0 : 1.0;
  return static_cast<double>(all - step) / static_cast<double>(all - warmup);
}

}  // namespace orthant
