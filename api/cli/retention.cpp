#include "api/cli/retention.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "encoder/embedding_rows.h"

namespace orthant {
namespace {

constexpr std::size_t kDepth = 10;

// The `count` nearest rows, best first; of equal ones the first.
std::vector<Ordinal> nearest(const EmbeddingMatrix& documents, std::span<const float> query, std::size_t count) {
  std::vector<float> scores(documents.rows);
  for (std::size_t i = 0; i < documents.rows; ++i) scores[i] = inner_product(documents.row(i), query);
  std::vector<Ordinal> order(documents.rows);
  std::iota(order.begin(), order.end(), Ordinal{0});
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](Ordinal a, Ordinal b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  order.resize(count);
  return order;
}

double mean_ndcg(std::span<const std::vector<Ordinal>> rankings, std::span<const std::vector<Judgement>> judgements) {
  double sum = 0;
  for (std::size_t i = 0; i < rankings.size(); ++i) sum += ndcg_at(kDepth, rankings[i], judgements[i]);
  return sum / static_cast<double>(rankings.size());
}

void keep_queries(BeirDataset& set, std::size_t count) {
  if (count == 0 || set.queries.size() <= count) return;
  BeirDataset kept;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t taken = i * set.queries.size() / count;
    kept.query_ids.push_back(set.query_ids[taken]);
    kept.queries.push_back(set.queries[taken]);
    kept.judgements.push_back(set.judgements[taken]);
  }
  set.query_ids = std::move(kept.query_ids);
  set.queries = std::move(kept.queries);
  set.judgements = std::move(kept.judgements);
}

// Keeps the documents that are wanted, and the judgements' ordinals in step.
void keep_documents(BeirDataset& set, const std::vector<bool>& wanted) {
  std::vector<Ordinal> places(set.documents.size(), kNoOrdinal);
  std::vector<std::string> documents;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < set.documents.size(); ++i) {
    if (!wanted[i]) continue;
    places[i] = static_cast<Ordinal>(documents.size());
    documents.push_back(std::move(set.documents[i]));
    ids.push_back(std::move(set.document_ids[i]));
  }
  set.documents = std::move(documents);
  set.document_ids = std::move(ids);
  for (auto& judgements : set.judgements) {
    for (Judgement& judgement : judgements) {
      if (judgement.document != kNoOrdinal) judgement.document = places[judgement.document];
    }
  }
}

std::vector<bool> wanted_documents(const BeirDataset& set, std::span<const std::vector<Ordinal>> rankings) {
  std::vector<bool> wanted(set.documents.size());
  for (const auto& ranking : rankings) {
    for (const Ordinal document : ranking) wanted[document] = true;
  }
  for (const auto& judgements : set.judgements) {
    for (const Judgement& judgement : judgements) {
      if (judgement.document != kNoOrdinal) wanted[judgement.document] = true;
    }
  }
  return wanted;
}

}  // namespace

std::vector<std::vector<Ordinal>> exact_rankings(EmbeddingMatrix documents, EmbeddingMatrix queries, std::size_t count,
                                                 ThreadPool* pool) {
  scale_rows_to_unit_length(documents);
  scale_rows_to_unit_length(queries);
  std::vector<std::vector<Ordinal>> rankings(queries.rows);
  parallel_for(pool, queries.rows, 8, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) rankings[i] = nearest(documents, queries.row(i), count);
  });
  return rankings;
}

double exact_ndcg_at_10(EmbeddingMatrix documents, EmbeddingMatrix queries, std::span<const std::vector<Judgement>> judgements,
                        ThreadPool* pool) {
  return mean_ndcg(exact_rankings(documents, queries, kDepth, pool), judgements);
}

Result<RetrievalTrial> RetrievalTrial::make(const ModelQuantizer& quantizer, const std::filesystem::path& folder,
                                            std::string_view split, const Limits& limits, ThreadPool* pool) {
  RetrievalTrial trial(ORTHANT_TRY(read_beir_dataset(folder, split)), pool);
  if (trial.set_.queries.empty() || trial.set_.documents.empty()) {
    return invalid_argument(fmt::format("{} ({}): no documents or no judged queries", folder.string(), split));
  }
  keep_queries(trial.set_, limits.queries);
  EmbeddingMatrix documents = ORTHANT_TRY(quantizer.embed(trial.set_.documents, Purpose::kDocument));
  EmbeddingMatrix queries = ORTHANT_TRY(quantizer.embed(trial.set_.queries, Purpose::kQuery));
  const auto rankings = exact_rankings(documents, queries, std::max(limits.documents_per_query, kDepth), pool);
  trial.float_ndcg_ = mean_ndcg(rankings, trial.set_.judgements);
  if (limits.documents_per_query != 0) keep_documents(trial.set_, wanted_documents(trial.set_, rankings));
  return trial;
}

Result<double> RetrievalTrial::ndcg_at_10(const ModelQuantizer& quantizer) const {
  EmbeddingMatrix documents = ORTHANT_TRY(quantizer.embed(set_.documents, Purpose::kDocument));
  EmbeddingMatrix queries = ORTHANT_TRY(quantizer.embed(set_.queries, Purpose::kQuery));
  return exact_ndcg_at_10(std::move(documents), std::move(queries), set_.judgements, pool_);
}

bool has_split(const std::filesystem::path& folder, std::string_view split) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "qrels" / fmt::format("{}.tsv", split), ignored);
}

}  // namespace orthant
