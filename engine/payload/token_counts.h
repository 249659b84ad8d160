#pragma once
// TokenCounts: how often each token occurs in each row's text of one field, and what BM25 wants to know of all texts together: of a
// text index that scores. Private to engine/payload, part of a FieldIndex: any number of readers, or one writer.
//
// BM25 as Robertson and Zaragoza have it (The Probabilistic Relevance Framework: BM25 and Beyond, 2009), with idf as
// ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative. Lengths keep their leading 13 bits, as Qdrant's do. Buried rows are
// not counted, though their counts stay until the next reclaim. 24 bytes a row, and 8 a distinct token of it.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace orthant {

struct TokenCount {
  std::uint32_t token = 0;  // by the index's dictionary
  std::uint32_t count = 0;
};

struct Bm25Weights {
  double k = 1.2;
  double b = 0.75;
};

class TokenCounts {
 public:
  // ---- writer ----
  // In place of what the row had. `counts` ascending by token; empty where the row has no text.
  void set(std::uint32_t ordinal, std::span<const TokenCount> counts);
  // Once a row that is not set again.
  void bury(std::uint32_t ordinal);

  // ---- readers ----
  double idf(std::uint32_t token) const;
  // What the row's tokens among `tokens` (each once) add up to; `idfs` are theirs. 0 where it has none of them.
  float score(std::uint32_t ordinal, std::span<const std::uint32_t> tokens, std::span<const double> idfs,
              Bm25Weights weights) const;
  std::size_t memory_bytes() const;

 private:
  struct Row {
    std::unique_ptr<TokenCount[]> counts;
    std::uint32_t distinct = 0;
    std::uint32_t length = 0;  // rounded
    bool buried = false;
    std::span<const TokenCount> all() const { return {counts.get(), distinct}; }
  };
  void forget(const Row& row);

  std::vector<Row> rows_;             // by ordinal
  std::vector<std::uint32_t> texts_;  // by token: rows that hold it and are not buried
  std::uint64_t live_texts_ = 0;      // rows with a token that are not buried
  std::uint64_t total_length_ = 0;    // of those
  std::uint64_t counted_tokens_ = 0;  // distinct ones of all rows
};

}  // namespace orthant
