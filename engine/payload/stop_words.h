#pragma once
// Words that say little by themselves, by language. Any thread.

#include <span>
#include <string_view>

namespace orthant {

// In lower case, in no order; empty for a language that has no list. Languages by their English names ("english") or ISO 639-1
// codes.
std::span<const std::string_view> stop_words(std::string_view language);

// "en" -> "english"; what is no code stays.
std::string_view language_name(std::string_view language_or_code);

// The languages that have a list, for messages.
std::string_view stop_word_languages();

}  // namespace orthant
