#include "engine/payload/stemmer.h"

#include <fmt/format.h>
#include <libstemmer.h>

#include "engine/payload/stop_words.h"

namespace orthant {

void Stemmer::Release::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

Result<Stemmer> Stemmer::make(std::string_view language) {
  sb_stemmer* stemmer = sb_stemmer_new(std::string(language_name(language)).c_str(), "UTF_8");
  if (stemmer == nullptr) return invalid_argument(fmt::format("no stemmer for the language `{}`", language));
  return Stemmer(stemmer);
}

std::string Stemmer::stem(const std::string& word) {
  const sb_symbol* stemmed =
      sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()), static_cast<int>(word.size()));
  if (stemmed == nullptr) return word;
  return {reinterpret_cast<const char*>(stemmed), static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()))};
}

}  // namespace orthant
