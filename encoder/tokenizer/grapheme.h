#pragma once
// Grapheme clusters (UAX 29, extended), by Hugging Face's tables. Two regional indicators are not joined: no use here can tell.
// Free functions, any thread.

#include <cstddef>
#include <string_view>

namespace orthant {

// The end of the cluster that begins at `begin` (before the end) of valid UTF-8.
std::size_t grapheme_end(std::string_view text, std::size_t begin);

}  // namespace orthant
