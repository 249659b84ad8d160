#pragma once
// Stemmer: words to their stems by the Snowball algorithm of a language (Debian's libstemmer). One thread at a time.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sb_stemmer;

namespace orthant {

class Stemmer {
 public:
  // By English name or ISO 639-1 code. invalid_argument for a language that has none.
  static Result<Stemmer> make(std::string_view language);

  // `word` in lower case.
  std::string stem(const std::string& word);

 private:
  struct Release {
    void operator()(sb_stemmer* stemmer) const;
  };
  explicit Stemmer(sb_stemmer* stemmer) : stemmer_(stemmer) {}
  std::unique_ptr<sb_stemmer, Release> stemmer_;
};

}  // namespace orthant
