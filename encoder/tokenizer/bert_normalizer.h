#pragma once
// BertNormalizer: text as Hugging Face's normalizer of that name makes it: control characters removed, blanks around Chinese
// characters, accents stripped (NFD, then nonspacing marks dropped), lower case. Immutable, any thread.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // nothing: as `lowercase`
  bool lowercase = true;
};

class BertNormalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options);

  // `text` is valid UTF-8, taken as a text of its own: marks at its start or end do not combine with what surrounds it.
  void append_normalized(std::string_view text, std::string& out) const;

 private:
  // Characters that NFD may reorder, waiting for the next starter. In the order of NFD: by class, then as they came.
  struct Mark {
    std::uint8_t combining_rank;
    std::size_t position;
    char32_t code_point;
    auto operator<=>(const Mark&) const = default;
  };
  using PendingMarks = std::vector<Mark>;

  void append_ascii(std::string_view run, std::string& out) const;
  void append_character(char32_t code_point, PendingMarks& pending, std::string& out) const;
  void append_stripped(char32_t code_point, PendingMarks& pending, std::string& out) const;
  void append_part(char32_t code_point, PendingMarks& pending, std::string& out) const;
  void append_lowered(char32_t code_point, std::string& out) const;
  void flush(PendingMarks& pending, std::string& out) const;

  const bool clean_text_;
  const bool handle_chinese_chars_;
  const bool strip_accents_;
  const bool lowercase_;
  const std::uint8_t flags_of_interest_;  // a character with none of them, and no combining class, stays as it is
  std::array<char, 128> ascii_mapping_{};
  std::array<bool, 128> ascii_kept_{};
};

}  // namespace orthant
