#pragma once
// AdamW (Loshchilov & Hutter 2019): Adam with a weight decay of its own, and the schedule of its rate: rising in a straight line
// over the first steps, then falling in one to zero. One thread at a time; the same gradients give the same weights to the bit.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "encoder/training/parameter_set.h"

namespace orthant {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
};

class AdamW {
 public:
  // `parameters` must outlive it.
  AdamW(const ParameterSet& parameters, const AdamWOptions& options);

  // One step with the gradients as they are; parameters without one stay.
  void step(double rate);

  std::uint64_t steps() const { return steps_; }
  // First and second moments of each parameter, in its order; what a checkpoint keeps.
  struct Moments {
    std::vector<float> first;
    std::vector<float> second;
  };
  std::span<Moments> moments() { return moments_; }
  std::span<const Moments> moments() const { return moments_; }
  void set_steps(std::uint64_t steps) { steps_ = steps; }

 private:
  const ParameterSet& parameters_;
  AdamWOptions options_;
  std::uint64_t steps_ = 0;
  std::vector<Moments> moments_;
};

// The share of the highest rate at `step` (from 0) of `all`, with `warmup` steps of rising.
double rate_share(std::uint64_t step, std::uint64_t warmup, std::uint64_t all);

}  // namespace orthant
