#pragma once
// The header of NumPy's .npy files (formats 1.0 to 3.0). Source: NumPy Enhancement Proposal 1. Free functions, any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

struct NpyHeader {
  std::string descr;  // "<f4", "|S36"
  bool fortran_order = false;
  std::vector<std::size_t> shape;
  std::size_t elements_at = 0;  // where the elements begin in the file
};

// No header is longer than this, magic and length included.
inline constexpr std::size_t kMaxNpyHeaderBytes = (std::size_t{64} << 10) + 12;

// `file`: the beginning of the file, kMaxNpyHeaderBytes of it or all. Nothing when it is no .npy file.
std::optional<NpyHeader> parse_npy_header(std::string_view file);

}  // namespace orthant
