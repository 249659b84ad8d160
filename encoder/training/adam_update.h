#pragma once
// The loop of AdamW (adam_w.h) over the values of one tensor, in a file of its own that is compiled for vectors. Free function.

#include <cstddef>

namespace orthant {

struct AdamFactors {
  float beta1;
  float beta2;
  float epsilon;
  float rate;       // of the corrected moments
  float kept;       // of the value, after decay
  float root_bias;  // sqrt(1 - beta2^t)
};

// All arrays have `count` values.
void adam_update(const AdamFactors& factors, const float* gradient, std::size_t count, float* value, float* first, float* second);

}  // namespace orthant
