#pragma once
// Floats in 16 bits, rounded to the nearest, ties to even. Infinities stay; so does what is no number, as a quiet one.

#include <cstdint>

namespace orthant {

// IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. From 65,520 on: infinity. Subnormals are kept.
std::uint16_t float16_from_float(float value);

// The upper half of a float: 1 sign, 8 exponent, 7 fraction bits.
std::uint16_t bfloat16_from_float(float value);

}  // namespace orthant
