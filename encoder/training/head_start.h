#pragma once
// Where an appended Dense module starts: at the rotation for which signs lose least of the embeddings (ITQ: iterative quantization,
// Gong & Lazebnik 2011): alternately the signs of the rotated rows, and the rotation that brings the rows nearest to these signs
// (orthogonal Procrustes). Free functions, one thread.

#include <cstdint>

#include "encoder/training/torch_api.h"

namespace orthant {

// y = weight x + bias
struct HeadStart {
  at::Tensor weight;
  at::Tensor bias;
};

HeadStart identity_start(std::int64_t dim);

// `rows` is n x dim, some hundreds at least. With `centre` their mean is taken off before rotating.
HeadStart rotation_start(const at::Tensor& rows, bool centre, std::uint64_t seed);

// Rows of a normal distribution / sqrt(dim); zeros.
HeadStart label_start(std::int64_t dim, std::int64_t labels, std::uint64_t seed);

}  // namespace orthant
