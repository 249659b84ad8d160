#include "tests/encoder/tokenizer/golden_tokens.h"

#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant::test {
namespace {

constexpr std::uint64_t kFuzzSeed = 20261121;

class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % bound;
  }

 private:
  std::uint64_t state_;
};

struct Range {
  char32_t low, high;
};
constexpr Range kRanges[] = {{0x20, 0x7F},       {0x20, 0x7F},       {0x00, 0x100},      {0xA0, 0x250},      {0x250, 0x370},
                             {0x300, 0x370},     {0x370, 0x590},     {0x590, 0x900},     {0x900, 0x1200},    {0x1200, 0x1D00},
                             {0x1D00, 0x2000},   {0x2000, 0x2E80},   {0x302A, 0x3030},   {0x2E80, 0x3400},   {0x3400, 0xA000},
                             {0xA000, 0xAC00},   {0xAC00, 0xD7A4},   {0xE000, 0xFB00},   {0xFB00, 0x10000},  {0x10000, 0x12000},
                             {0x12000, 0x1D100}, {0x1D100, 0x1D250}, {0x1D250, 0x20000}, {0x20000, 0x110000}};
constexpr std::array<std::string_view, 8> kParts = {" ", " ", "\n", "[SEP]", "[MASK]", "the", "ing", "##s"};

std::string fuzz_text(SplitMix& random) {
  std::string text;
  for (std::uint64_t i = 1 + random.below(32); i > 0; --i) {
    if (random.below(4) == 0) text += kParts[random.below(kParts.size())];
    const Range range = kRanges[random.below(std::size(kRanges))];
    append_code_point(text, range.low + static_cast<char32_t>(random.below(range.high - range.low)));
  }
  if (random.below(8) == 0) {
    const std::uint64_t position = random.below(text.size());
    text[position] = static_cast<char>(random.below(256));
  }
  return text;
}

// "3x6162+1x20": 'ab' three times, then a blank.
std::string read_text(const std::string& notation) {
  std::string text;
  std::istringstream parts(notation);
  for (std::string part; std::getline(parts, part, '+');) {
    const std::size_t times = part.find('x');
    const std::string bytes = bytes_of_hex(std::string_view(part).substr(times + 1));
    for (long count = std::stol(part.substr(0, times)); count > 0; --count) text += bytes;
  }
  return text;
}

}  // namespace

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(0, 2)), nullptr, 16)));
  }
  return bytes;
}

std::filesystem::path golden_dir() {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden";
}

std::vector<std::string> golden_lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with('#')) lines.push_back(line);
  }
  return lines;
}

std::vector<GoldenText> read_golden_texts(const std::filesystem::path& file) {
  std::vector<GoldenText> texts;
  for (const std::string& line : golden_lines(file)) {
    const std::size_t tab = line.find('\t');
    texts.push_back({read_text(line.substr(0, tab)), line.substr(tab + 1)});
  }
  return texts;
}

std::string shown_ids(const Ids& ids) {
  if (ids.size() > 200) return std::to_string(ids.size()) + ' ' + digest_of({ids});
  std::string shown;
  for (const std::uint32_t id : ids) shown += (shown.empty() ? "" : " ") + std::to_string(id);
  return shown;
}

std::string digest_of(const std::vector<Ids>& lists) {
  std::string bytes;
  for (const Ids& ids : lists) {
    append_value(bytes, static_cast<std::uint32_t>(ids.size()));
    for (const std::uint32_t id : ids) append_value(bytes, id);
  }
  return sha256_hex(bytes).substr(0, 16);
}

std::vector<std::string> fuzz_texts(std::size_t count) {
  SplitMix random(kFuzzSeed);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(fuzz_text(random));
  return texts;
}

}  // namespace orthant::test
