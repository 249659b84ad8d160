#include "encoder/training/head_start.h"

#include <cmath>

namespace orthant {
namespace {

constexpr int kIterations = 50;

at::Generator generator_of(std::uint64_t seed) {
  return at::make_generator<at::CPUGeneratorImpl>(seed);
}

}  // namespace

HeadStart identity_start(std::int64_t dim) {
  return {at::eye(dim, at::kFloat), at::zeros({dim}, at::kFloat)};
}

HeadStart rotation_start(const at::Tensor& rows, bool centre, std::uint64_t seed) {
  const c10::NoGradGuard guard;
  const std::int64_t dim = rows.size(1);
  const at::Tensor mean = centre ? rows.mean(0) : at::zeros({dim}, at::kFloat);
  const at::Tensor centred = rows - mean;
  const at::Tensor random = at::randn({dim, dim}, generator_of(seed), at::TensorOptions(at::kFloat));
  at::Tensor rotation = std::get<0>(at::linalg_qr(random));  // rows times it
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor codes = at::where(at::matmul(centred, rotation) > 0, 1.0, -1.0).to(at::kFloat);
    const auto [left, values, right] = at::linalg_svd(at::matmul(centred.t(), codes), false);
    rotation = at::matmul(left, right);
  }
  const at::Tensor weight = rotation.t().contiguous();
  return {weight, (-at::matmul(weight, mean)).contiguous()};
}

HeadStart label_start(std::int64_t dim, std::int64_t labels, std::uint64_t seed) {
  const at::Tensor weight = at::randn({labels, dim}, generator_of(seed), at::TensorOptions(at::kFloat));
  return {(weight / std::sqrt(static_cast<double>(dim))).contiguous(), at::zeros({labels}, at::kFloat)};
}

}  // namespace orthant
