#include "encoder/training/adam_update.h"

#include <cmath>

namespace orthant {

void adam_update(const AdamFactors& f, const float* gradient, std::size_t count, float* value, float* first, float* second) {
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    first[i] = f.beta1 * first[i] + (1.0F - f.beta1) * g;
    second[i] = f.beta2 * second[i] + (1.0F - f.beta2) * g * g;
    const float root = std::sqrt(second[i]) / f.root_bias + f.epsilon;
    value[i] = value[i] * f.kept - f.rate * first[i] / root;
  }
}

}  // namespace orthant
