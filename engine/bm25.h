#pragma once
// Bm25: a text to a sparse vector of its words, so that dot products of queries and documents are BM25 scores once the query's
// values are multiplied by the inverse document frequency (SparseModifier::kIdf). Index: the hash of a word's stem. Immutable, any
// thread.
//
// Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. With a fixed average length, so that a
// document's vector does not depend on others. Tokens, indices and weights are those of Qdrant's server and of fastembed.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/bm25_options.h"
#include "engine/payload/text_analyzer.h"
#include "engine/vector_value.h"

namespace orthant {

class Bm25 {
 public:
  // invalid_argument for an unknown language and for numbers that make no sense.
  static Result<Bm25> make(Bm25Options options);

  // Weight of a word that stands n times among `length` words: n (k + 1) / (n + k (1 - b + b length / avg_len)).
  SparseVector encode_document(std::string_view text) const;
  // Every word once, with weight 1.
  SparseVector encode_query(std::string_view text) const;

  // Words that were looked at, for usage figures.
  std::size_t count_words(std::string_view text) const { return words(text).size(); }

 private:
  Bm25(Bm25Options options, TextAnalyzer analyzer, std::string stemmer)
      : options_(std::move(options)), analyzer_(std::move(analyzer)), stemmer_(std::move(stemmer)) {}
  std::vector<std::string> words(std::string_view text) const;

  Bm25Options options_;
  TextAnalyzer analyzer_;
  std::string stemmer_;  // a language; empty: none
};

}  // namespace orthant
