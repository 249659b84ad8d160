#pragma once
// Residual codes: a row coded as the signs of its difference r to a centre c, with a scale and an offset such that for any query q
//
//   -<q, row>  is estimated by  -<q, c> + scale * <-q, sign(r)> + offset
//
// The estimate takes <q - c, r> from the signs and <c, r> as it is: scale = |r|^2 / |r|_1 makes <r, r> exact, as SignQuantizer
// does, and offset = scale * <c, sign(r)> - <c, r>. So one set of look-up tables, of -q, serves all centres, and the error grows
// with |q - c| rather than with |q|. After RaBitQ (Gao and Long, SIGMOD 2024), which codes residuals too; there the query's
// residual is coded anew for each centre, here its share is folded into the offset. Free functions, any thread.

#include <cstdint>
#include <span>

namespace orthant {

struct ResidualFactors {
  float scale = 0;
  float offset = 0;
};

// Writes ceil(dim / 8) bytes in the order of ubinary. `residual` is room for dim floats.
ResidualFactors encode_residual(std::span<const float> row, std::span<const float> centre, std::span<float> residual,
                                std::span<std::uint8_t> code);

}  // namespace orthant
