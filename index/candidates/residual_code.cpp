#include "index/candidates/residual_code.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "index/sign_quantizer.h"

namespace orthant {
namespace {

// Sums in several lanes, which compilers turn into vectors; a single sum would wait for each addition.
constexpr std::size_t kLanes = 8;

struct ResidualSums {
  double squares = 0;         // |r|^2
  double magnitudes = 0;      // |r|_1
  double along_centre = 0;    // <c, r>
  double centre_of_sign = 0;  // <c, sign(r)>
};

ResidualSums add_up(std::span<const float> centre, std::span<const float> residual) {
  float squares[kLanes] = {}, magnitudes[kLanes] = {}, along[kLanes] = {}, of_sign[kLanes] = {};
  const auto add = [&](std::size_t i, std::size_t lane) {
    const float r = residual[i];
    const float c = centre[i];
    squares[lane] += r * r;
    magnitudes[lane] += std::fabs(r);
    along[lane] += c * r;
    of_sign[lane] += r > 0 ? c : -c;
  };
  std::size_t i = 0;
  for (; i + kLanes <= residual.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
  }
  for (; i < residual.size(); ++i) add(i, i % kLanes);
  ResidualSums sums;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sums.squares += squares[lane];
    sums.magnitudes += magnitudes[lane];
    sums.along_centre += along[lane];
    sums.centre_of_sign += of_sign[lane];
  }
  return sums;
}

}  // namespace

ResidualFactors encode_residual(std::span<const float> row, std::span<const float> centre, std::span<float> residual,
                                std::span<std::uint8_t> code) {
  for (std::size_t i = 0; i < row.size(); ++i) residual[i] = row[i] - centre[i];
  write_sign_code(residual.first(row.size()), code);
  const ResidualSums sums = add_up(centre, residual.first(row.size()));
  if (!(sums.magnitudes > 0) || !std::isfinite(sums.squares)) return {};
  const double scale = sums.squares / sums.magnitudes;
  const double offset = scale * sums.centre_of_sign - sums.along_centre;
  if (!std::isfinite(offset)) return {};
  return {static_cast<float>(scale), static_cast<float>(offset)};
}

}  // namespace orthant
