#pragma once
// LinearWeights: the weights of one linear layer as they are stored, in any precision, before a kernel's layout is chosen. What
// safetensors files hold, what encoder/quantize makes and what Linear (linear.h) packs. Plain values; the stored form is defined
// in docs/storage_format.md, the arithmetic in docs/quantization.md.
//
// Quantized layers may see their inputs transformed: x' = H (x * factors), where H is the orthonormal Hadamard matrix of
// `rotation_block` on each run of that many inputs. Random signs as factors spread outlier channels over their block, so that one
// scale a token loses little (QuaRot, Ashkboos et al. 2024, here on the fly); 1 / balance as factors moves range from activations
// to weights (SmoothQuant, Xiao et al. 2023). The stored weights belong to x'.

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "encoder/weight_precision.h"

namespace orthant {

// All matrices are outputs x inputs, row-major: row o holds the weights of output o, as torch.nn.Linear stores them.
struct FloatWeights {
  std::vector<float> values;
};

struct HalfWeights {
  bool brain = false;  // bfloat16, else IEEE binary16
  std::vector<std::uint16_t> values;
};

// weight = code * scale of the output.
struct Int8Weights {
  std::vector<std::int8_t> codes;  // -127 to 127
  std::vector<float> scales;       // one an output
};

// weight = (code - zero_point) * scale of its group: `group_size` consecutive inputs of one output.
struct Int4Weights {
  std::size_t group_size = 64;            // divides inputs, a multiple of 8
  std::vector<std::uint8_t> codes;        // outputs x inputs / 2: input 2 i in the low nibble, 2 i + 1 in the high one
  std::vector<float> scales;              // outputs x groups
  std::vector<std::uint8_t> zero_points;  // outputs x groups, 0 to 15; symmetric: 8 everywhere
};

// NF4 with double quantization (QLoRA, Dettmers et al. 2023, section 3): weight = kNf4Values[code] * absmax of its block; a block
// is 64 consecutive weights of the flattened matrix; absmax = absmax_codes / 127 * absmax_scales of its group + absmax_mean.
struct Nf4Weights {
  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kAbsmaxGroup = 256;
  std::vector<std::uint8_t> codes;        // two a byte, as in Int4Weights
  std::vector<std::int8_t> absmax_codes;  // one a block
  std::vector<float> absmax_scales;       // one a group of 256 blocks
  float absmax_mean = 0;
};

struct InputTransform {
  std::vector<float> factors;      // one an input, or empty: ones
  std::size_t rotation_block = 0;  // a power of two that divides inputs, at most 128; 0: no rotation

  bool operator==(const InputTransform&) const = default;
};

struct LinearWeights {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  std::variant<FloatWeights, HalfWeights, Int8Weights, Int4Weights, Nf4Weights> data;
  InputTransform input;       // identity for float and half weights
  float activation_step = 0;  // int8 and int4: the step of all tokens (static, calibrated); 0: each token its own (dynamic)

  WeightPrecision precision() const;
  // Bytes as stored, scales and transform included.
  std::size_t stored_bytes() const;
};

// The 16 values of NF4, ascending from -1 to 1.
std::span<const float, 16> nf4_values();
// What the codes of one block are multiplied by.
float nf4_absmax(const Nf4Weights& weights, std::size_t block);

// outputs x inputs floats that the stored form stands for (of x', where there is a transform).
std::vector<float> dequantize(const LinearWeights& weights);

// Applies the transform to `rows` rows of `inputs` values in place: the reference for the kernels, and what makes weights belong to
// x' (a row of weights transforms by 1 / factors and the same H).
void transform_inputs(const InputTransform& transform, std::size_t rows, std::size_t inputs, float* values);

// Factors of +1 and -1 that depend on `inputs` alone (splitmix64), with the largest block: what --weights int8 uses.
InputTransform random_rotation(std::size_t inputs);

// `lower` below `upper`, for fused projections: both float or both of the same half type, without transform. Asserted. Quantized
// folders hold fused projections whole.
LinearWeights stack_outputs(LinearWeights upper, const LinearWeights& lower);

}  // namespace orthant
