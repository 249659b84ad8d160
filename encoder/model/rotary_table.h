#pragma once
// RotaryTable: cosines and sines of the rotary position embedding (Su et al. 2021) for all positions of a model. The angles are
// rounded as transformers rounds them: at position 30,000 a float's angle is off by 1e-3, and the weights were trained with it.

#include <cmath>
#include <cstddef>
#include <vector>

namespace orthant {

class RotaryTable {
 public:
  // `rotated` values of each head turn, by position * theta^(-2 i / rotated) for i < rotated / 2.
  RotaryTable(double theta, std::size_t rotated, std::size_t positions) : theta_(theta), half_(rotated / 2) {
    for (std::size_t position = 0; position < positions; ++position) {
      for (std::size_t i = 0; i < half_; ++i) {
        const float exponent = static_cast<float>(2 * i) / static_cast<float>(rotated);
        const float frequency = 1.0F / std::pow(static_cast<float>(theta), exponent);
        const float angle = static_cast<float>(position) * frequency;
        cosines_.push_back(std::cos(angle));
        sines_.push_back(std::sin(angle));
      }
    }
  }

  double theta() const { return theta_; }
  // rotated / 2 each.
  const float* cosines(std::size_t position) const { return cosines_.data() + position * half_; }
  const float* sines(std::size_t position) const { return sines_.data() + position * half_; }

 private:
  double theta_;
  std::size_t half_;
  std::vector<float> cosines_;
  std::vector<float> sines_;
};

}  // namespace orthant
