#pragma once
// RotatedQuantizer: ResidualQuantizer with a random rotation (fast_rotation.h), for any dimension. All that training gives it is
// the centre; without training the centre is zero. Every row has its scale. Of the directions of queries it knows that of the
// centre, and keeps errors out of that one: collections whose rows share a large mean need it. Any thread.

#include "index/fast_rotation.h"
#include "index/residual_quantizer.h"

namespace orthant {

class RotatedQuantizer : public ResidualQuantizer {
 public:
  // coding.fixed_scale must be 0.
  RotatedQuantizer(ResidualCoding coding, std::uint64_t seed);

  static std::unique_ptr<const RotatedQuantizer> untrained(std::size_t dim, unsigned bits);

  // Nothing when the bytes are not those of parameters() for this configuration.
  static std::unique_ptr<const RotatedQuantizer> restore(const IndexConfig& config, std::string_view parameters);

  std::string_view name() const override { return "rotated"; }
  std::string parameters() const override;

 protected:
  void rotate(Matrix& vectors, std::size_t rows, Matrix& rotated) const override;
  void shape_errors(Batch& batch) const override;

 private:
  FastRotation rotation_;
  std::uint64_t seed_;
  std::vector<float> direction_;  // of the centre, rotated, of length 1; empty without a centre
};

}  // namespace orthant
