#pragma once
// Moments of an optimizer in 8 bits (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization"): each block of 256
// values is divided by its largest magnitude and rounded to the nearest of 256 values of the dynamic data type: powers of ten from
// 1e-6 to 1, each cut into twice as many equal steps as the one below. Signed for first moments; second moments spend the sign's
// bit on one step more of each. The paper's blocks have 2,048 values; 256 cost 1.6 % more memory and keep an outlier's neighbours.
// A positive second moment never becomes 0 here: dividing by its root would blow a step up. Free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>

namespace orthant {

inline constexpr std::size_t kMomentBlock = 256;

enum class MomentSign : std::uint8_t { kSigned, kPositive };

// The 256 values, ascending, the largest 1.
std::span<const float, 256> dynamic_values(MomentSign sign);

// At most kMomentBlock values. `codes` has as many; gives the scale.
float encode_moments(MomentSign sign, std::span<const float> values, std::uint8_t* codes);
// The reverse; `values` has as many as `codes`.
void decode_moments(MomentSign sign, std::span<const std::uint8_t> codes, float scale, float* values);

}  // namespace orthant
