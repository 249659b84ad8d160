#include "engine/payload/token_counts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace orthant {
namespace {

constexpr int kLengthBits = 13;

std::uint32_t rounded_length(std::span<const TokenCount> counts) {
  std::uint32_t length = 0;
  for (const TokenCount& count : counts) length += count.count;
  const int lost = std::max(static_cast<int>(std::bit_width(length)) - kLengthBits, 0);
  return length >> lost << lost;
}

}  // namespace

void TokenCounts::set(std::uint32_t ordinal, std::span<const TokenCount> counts) {
  if (ordinal >= rows_.size()) {
    if (counts.empty()) return;
    rows_.resize(ordinal + std::size_t{1});
  }
  Row& row = rows_[ordinal];
  forget(row);
  counted_tokens_ += counts.size() - row.distinct;
  row = Row();
  if (counts.empty()) return;
  row.counts = std::make_unique<TokenCount[]>(counts.size());
  std::ranges::copy(counts, row.counts.get());
  row.distinct = static_cast<std::uint32_t>(counts.size());
  row.length = rounded_length(counts);
  for (const TokenCount& count : counts) {
    if (count.token >= texts_.size()) texts_.resize(count.token + std::size_t{1});
    ++texts_[count.token];
  }
  ++live_texts_;
  total_length_ += row.length;
}

void TokenCounts::forget(const Row& row) {
  if (row.distinct == 0 || row.buried) return;
  for (const TokenCount& count : row.all()) --texts_[count.token];
  --live_texts_;
  total_length_ -= row.length;
}

void TokenCounts::bury(std::uint32_t ordinal) {
  if (ordinal >= rows_.size()) return;
  forget(rows_[ordinal]);
  rows_[ordinal].buried = true;
}

double TokenCounts::idf(std::uint32_t token) const {
  const double texts = token < texts_.size() ? texts_[token] : 0;
  return std::log1p((static_cast<double>(live_texts_) - texts + 0.5) / (texts + 0.5));
}

float TokenCounts::score(std::uint32_t ordinal, std::span<const std::uint32_t> tokens, std::span<const double> idfs,
                         Bm25Weights weights) const {
  if (ordinal >= rows_.size() || live_texts_ == 0) return 0;
  const std::span<const TokenCount> counts = rows_[ordinal].all();
  const double mean_length = static_cast<double>(total_length_) / static_cast<double>(live_texts_);
  const double norm = weights.k * (1 - weights.b + weights.b * rows_[ordinal].length / mean_length);
  double sum = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto found = std::ranges::lower_bound(counts, tokens[i], {}, &TokenCount::token);
    if (found == counts.end() || found->token != tokens[i]) continue;
    sum += idfs[i] * found->count * (weights.k + 1) / (found->count + norm);
  }
  return static_cast<float>(sum);
}

std::size_t TokenCounts::memory_bytes() const {
  return rows_.capacity() * sizeof(Row) + texts_.capacity() * sizeof(std::uint32_t) + counted_tokens_ * sizeof(TokenCount);
}

}  // namespace orthant
