#pragma once
// AdamW (Loshchilov & Hutter 2019): Adam with a weight decay of its own, and the schedule of its rate: rising in a straight line
// over the first steps, then falling in one to zero. Moments are float32, or 8-bit codes in blocks (moment_codes.h) that are
// widened, changed and rounded again a block at a time. One thread at a time; the same gradients give the same weights to the bit.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/training/adam_update.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/state_memory.h"
#include "encoder/training/training_options.h"

namespace orthant {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  MomentForm moments = MomentForm::kFloat32;
};

class AdamW {
 public:
  // `parameters` must outlive it. Aborts when there is no memory for the moments: callers forecast it.
  AdamW(const ParameterSet& parameters, const AdamWOptions& options);

  // Keeps the moments in a mapped file of `folder`, which exists, instead of memory. Call before the first step.
  Status page_to(const std::filesystem::path& folder);

  // One step with the gradients as they are; parameters without one stay.
  void step(double rate);

  std::uint64_t steps() const { return steps_; }
  void set_steps(std::uint64_t steps) { steps_ = steps; }

  // What a checkpoint keeps of a parameter, the same arrays in the same order for the same options.
  struct Array {
    std::string_view name;  // "adam.first", ...
    std::string_view type;  // as safetensors calls it
    std::size_t count = 0;
    std::span<std::uint8_t> bytes;
  };
  std::vector<Array> arrays(std::size_t parameter) const;
  // Lets go of pages that are in a file.
  void forget_pages() const { memory_.forget(0, memory_.bytes().size()); }

  // Bytes of the moments of a parameter of that many values.
  static std::size_t moment_bytes(MomentForm form, std::size_t values);

 private:
  // Places in memory_.
  struct Moments {
    std::size_t count = 0;
    bool coded = false;
    std::size_t start = 0;
    std::size_t first_scales = 0;  // of codes: one a block
    std::size_t second_scales = 0;
    std::size_t second = 0;
    std::size_t end = 0;
  };
  static Moments lay_out(MomentForm form, std::size_t values, std::size_t start);
  template <typename T>
  T* at(std::size_t place) const {
    return reinterpret_cast<T*>(memory_.bytes().data() + place);
  }
  void update(const Moments& moments, const AdamFactors& factors, const float* gradient, float* value) const;

  const ParameterSet& parameters_;
  AdamWOptions options_;
  std::uint64_t steps_ = 0;
  std::vector<Moments> moments_;
  StateMemory memory_;
};

// The share of the highest rate at `step` (from 0) of `all`, with `warmup` steps of rising.
double rate_share(std::uint64_t step, std::uint64_t warmup, std::uint64_t all);

}  // namespace orthant
