#pragma once
// The golden files of the tokenizer (tests/encoder/golden/README.md): reading them, and making what they were made from.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace orthant::test {

using Ids = std::vector<std::uint32_t>;

std::filesystem::path golden_dir();

// Lines of a text file without those that start with '#'.
std::vector<std::string> golden_lines(const std::filesystem::path& file);

std::string bytes_of_hex(std::string_view hex);

// A line of token_ids.tsv.
struct GoldenText {
  std::string text;
  std::string shown;  // the ids with blanks between, or "count digest" of long lists
};
std::vector<GoldenText> read_golden_texts(const std::filesystem::path& file);
// `ids` in the form of `GoldenText::shown`.
std::string shown_ids(const Ids& ids);

// 16 hex digits over lists of ids.
std::string digest_of(const std::vector<Ids>& lists);

// The first texts of the random sequence that scripts/make_golden_tokens.py makes; some are no valid UTF-8.
std::vector<std::string> fuzz_texts(std::size_t count);

}  // namespace orthant::test
