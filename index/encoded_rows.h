#pragma once
// EncodedRows: rows ready to be appended, row-major. A value; shared read-only once made. Which parts are filled follows from the
// configuration (CodeTables); an absent part is empty.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace orthant {

class EncodedRows {
 public:
  std::size_t row_count = 0;
  std::vector<std::uint8_t> present;     // one a row; empty: all present
  std::vector<std::uint8_t> bits;        // row_count x code_bytes
  std::vector<float> bit_scales;         // one a row
  std::vector<std::uint8_t> int8_codes;  // row_count x dim, offset by 128
  std::vector<float> int8_scales;        // one a row; none where dimensions have ranges
  std::vector<float> squared_norms;      // one a row
  std::vector<float> floats;             // row_count x dim

  bool is_present(std::size_t row) const { return present.empty() || present[row] != 0; }
};

}  // namespace orthant
