#pragma once
// Word patterns: the regular expressions by which GPT-2, RoBERTa, ModernBERT, GPT-4, Llama 3 and Qwen cut texts into words, and
// those by which normalizers shorten whitespace, matched by hand. Immutable, any thread.

#include <memory>
#include <string_view>

#include "encoder/tokenizer/pattern.h"

namespace orthant {

inline constexpr std::string_view kGpt2Expression = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// The matcher of an expression that is known by its text; null for any other.
std::unique_ptr<Pattern> make_word_pattern(std::string_view expression);

}  // namespace orthant
