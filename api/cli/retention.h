#pragma once
// How much of a model's retrieval quality is kept while its layers are quantized. Two measures: nDCG@10 on a set with judgements,
// and without any label the neighbours among unlabelled texts (EmbeddingShift::neighbour_ndcg_at_10). One thread at a time; works
// on the pool's.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/beir_dataset.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/quantize/quantize.h"

namespace orthant {

// The `count` documents nearest to each query by cosine, best first; of equal ones the first.
std::vector<std::vector<Ordinal>> exact_rankings(EmbeddingMatrix documents, EmbeddingMatrix queries, std::size_t count,
                                                 ThreadPool* pool);

// Mean nDCG@10 of an exact search by cosine.
double exact_ndcg_at_10(EmbeddingMatrix documents, EmbeddingMatrix queries, std::span<const std::vector<Judgement>> judgements,
                        ThreadPool* pool);

// A set with judgements, and what float32 reaches on it.
class RetrievalTrial {
 public:
  struct Limits {
    std::size_t queries = 0;              // spread evenly; 0: all
    std::size_t documents_per_query = 0;  // what float32 ranks highest for each, and all that are judged; 0: all documents
  };

  // `quantizer` still holds float32 in all layers. The limits make a smaller set for what is measured again and again.
  static Result<RetrievalTrial> make(const ModelQuantizer& quantizer, const std::filesystem::path& folder, std::string_view split,
                                     const Limits& limits, ThreadPool* pool);

  // nDCG@10 of the model as it is now.
  Result<double> ndcg_at_10(const ModelQuantizer& quantizer) const;
  double float_ndcg_at_10() const { return float_ndcg_; }
  std::size_t documents() const { return set_.documents.size(); }
  std::size_t queries() const { return set_.queries.size(); }

 private:
  RetrievalTrial(BeirDataset set, ThreadPool* pool) : set_(std::move(set)), pool_(pool) {}

  BeirDataset set_;
  ThreadPool* pool_;
  double float_ndcg_ = 0;
};

// Whether the folder has judgements of that split.
bool has_split(const std::filesystem::path& folder, std::string_view split);

}  // namespace orthant
