// Rows by what the texts of an indexed field score.

#include "engine/payload/text_scores.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "engine/payload/field_index.h"
#include "engine/payload/field_indexes.h"

namespace orthant {

std::vector<ScoredRow> FieldIndex::score(const TextScoring& scoring, std::size_t limit, const Bitmap& wanted) const {
  std::vector<std::uint32_t> tokens;
  for (const std::string& token : reader_.analyzer().query_tokens(scoring.text)) {
    const std::uint32_t number = dictionary_.find(token);
    if (number != ValueDictionary::kNone) tokens.push_back(number);
  }
  std::ranges::sort(tokens);
  tokens.erase(std::ranges::unique(tokens).begin(), tokens.end());
  std::vector<double> idfs;
  Bitmap holders(wanted.size());
  for (const std::uint32_t token : tokens) {
    idfs.push_back(tokens_.idf(token));
    postings_[token].add_to(holders);
  }
  holders &= wanted;
  std::vector<ScoredRow> rows;
  holders.for_each([&](std::size_t row) {
    const auto ordinal = static_cast<std::uint32_t>(row);
    const float score = tokens_.score(ordinal, tokens, idfs, scoring.weights);
    if (score > scoring.threshold.value_or(0)) rows.push_back({ordinal, score});
  });
  const auto better = [](const ScoredRow& a, const ScoredRow& b) {
    return std::tuple(b.score, a.ordinal) < std::tuple(a.score, b.ordinal);
  };
  const auto kept = static_cast<std::ptrdiff_t>(std::min(limit, rows.size()));
  std::ranges::partial_sort(rows, rows.begin() + kept, better);
  rows.resize(static_cast<std::size_t>(kept));
  return rows;
}

Result<std::vector<ScoredRow>> FieldIndexes::scored(const std::string& field, const TextScoring& scoring, std::size_t limit,
                                                    const Bitmap& rows) const {
  const JsonPath path = ORTHANT_TRY(JsonPath::parse(field));
  const auto indexes = indexes_of(path);
  const auto found = std::ranges::find(indexes, FieldType::kText, [](const auto& index) { return index->schema().type; });
  if (found == indexes.end()) {
    return invalid_argument(fmt::format("Bad request: a text query ranks by the text index of field `{}`, which has none", field));
  }
  if (!(*found)->schema().text.scoring) {
    return invalid_argument(
        fmt::format("Bad request: the text index of field `{}` does not score. Help: create it with `\"scoring\": true`", field));
  }
  const auto lock = lock_contents();
  return (*found)->score(scoring, limit, rows);
}

}  // namespace orthant
