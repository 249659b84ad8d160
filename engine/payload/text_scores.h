#pragma once
// What is asked of a text index that scores: rows by BM25. Plain values.

#include <cstdint>
#include <optional>
#include <string>

#include "engine/payload/token_counts.h"

namespace orthant {

struct TextScoring {
  std::string text;
  Bm25Weights weights{};
  std::optional<float> threshold{};  // only scores strictly better than this
};

struct ScoredRow {
  std::uint32_t ordinal = 0;
  float score = 0;
};

}  // namespace orthant
