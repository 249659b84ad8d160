#pragma once
// Texts of a request on their way to vectors: which loaded model encodes each, and one batch a model for all of them. Private to
// engine.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "encoder/encode_batcher.h"
#include "encoder/encoder_registry.h"
#include "encoder/rerank_batcher.h"
#include "encoder/sparse_batcher.h"
#include "engine/bm25.h"
#include "engine/collection/collection_config.h"
#include "engine/query_cache.h"
#include "engine/requests.h"

namespace orthant {

// What makes a vector from a text.
using TextModel = std::variant<const Encoder*, const SparseEncoder*, std::shared_ptr<const Bm25>>;
std::string model_name(const TextModel& model);
// Longer texts are truncated; 0: there is no limit.
std::size_t max_tokens(const TextModel& model);

struct TextJob {
  TextModel model;
  std::string text;
};

// In the order of the jobs.
struct EncodedTexts {
  std::vector<VectorValue> vectors;  // dense or sparse, as the model makes them
  std::vector<bool> truncated;
  std::vector<bool> cached;  // the embedding was known already
  std::map<std::string, std::uint64_t> tokens_by_model;
};

struct TextEncodingOptions {
  Purpose purpose = Purpose::kDocument;
  bool bulk = false;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

// The loaded models with their queues. Read-only after the last add(); from any thread then.
class TextEncoding {
 public:
  // The pools must outlive this. Bulk work of dense encoders runs on `bulk_pool`.
  TextEncoding(ThreadPool& pool, ThreadPool& bulk_pool, std::size_t max_queued_tokens, std::size_t query_cache_bytes)
      : pool_(pool),
        bulk_pool_(bulk_pool),
        max_queued_tokens_(max_queued_tokens),
        cache_(std::make_shared<QueryCache>(query_cache_bytes)) {}

  // NAME_OR_DIR or NAME=DIR, as in Settings::models.
  Status add(std::string_view model, const EncoderOptions& options = {});

  const EncoderRegistry& registry() const { return registry_; }
  // Null once stopped.
  std::shared_ptr<EncodeBatcher> batcher(const Encoder& encoder) const;

  // The named reranker (sparse encoder), the first loaded one for an empty name. not_found for a name that is not loaded and where
  // there is none of its kind, invalid_argument for a model of another kind.
  Result<const Reranker*> find_reranker(std::string_view model) const;
  Result<const SparseEncoder*> find_sparse_encoder(std::string_view model) const;
  // `done` is called once, on a thread of the pool or here.
  void rerank(const Reranker& reranker, RerankRequest request, RerankBatcher::Done done);
  void sparse_encode(const SparseEncoder& encoder, SparseEncodeRequest request, SparseBatcher::Done done);

  // The model for a text of a vector: the named one, else the one that the collection has recorded, else the first of the
  // dimension. not_found for a name that is not loaded, failed_precondition when the model does not fit the vector.
  // Of a sparse vector: the built-in BM25 for its name, else the named sparse encoder; for an empty name the one that is recorded,
  // else the first sparse encoder, or BM25 where none is loaded.
  Result<TextModel> choose(const TextInput& input, std::string_view vector_name, const VectorConfig& vector) const;

  // What makes the same vectors, of those that are loaded (BM25 always is, with its default options). Nothing: there is none.
  std::optional<TextModel> find_model(const EncoderIdentity& identity, VectorKind kind) const;
  // What users name so, for a vector of that kind. not_found for what is not loaded, invalid_argument for a model of another kind.
  Result<TextModel> find_named(std::string_view model, VectorKind kind, std::string_view vector_name) const;

  // Encodes all or fails; `done` is called once, on a thread of the pool or here. Query texts that were encoded lately come from
  // the cache, with the same values and token counts.
  void encode(std::vector<TextJob> jobs, const TextEncodingOptions& options,
              std::move_only_function<void(Result<EncodedTexts>)> done);

  // Fails what waits, and refuses what comes.
  void stop();

  // "model `x` is not loaded; loaded: a, b"
  std::string not_loaded(std::string_view model) const;

 private:
  Result<const Encoder*> choose_dense(std::string_view model, std::string_view vector_name, const VectorConfig& vector) const;
  Result<TextModel> choose_sparse(const TextInput& input, std::string_view vector_name, const VectorConfig& vector) const;
  Result<TextModel> find_sparse(const TextInput& input) const;
  const Encoder* find_encoder(const EncoderIdentity& identity) const;
  std::unexpected<Error> no_recorded_model(std::string_view vector_name, const EncoderIdentity& recorded) const;
  std::string loaded_names() const;
  template <typename Model>
  Result<const Model*> find_kind(std::string_view model, ModelKind kind) const;

  ThreadPool& pool_;
  ThreadPool& bulk_pool_;
  const std::size_t max_queued_tokens_;
  const std::shared_ptr<QueryCache> cache_;  // shared with answers under way
  EncoderRegistry registry_;
  mutable std::mutex mutex_;
  std::map<const Encoder*, std::shared_ptr<EncodeBatcher>> batchers_;               // guarded by mutex_
  std::map<const Reranker*, std::shared_ptr<RerankBatcher>> rerank_batchers_;       // guarded by mutex_
  std::map<const SparseEncoder*, std::shared_ptr<SparseBatcher>> sparse_batchers_;  // guarded by mutex_
};

EncoderIdentity identity_of(const Encoder& encoder);
EncoderIdentity identity_of(const TextModel& model);
// The same weights used in the same way, whatever the model is called here. What is not recorded is not compared.
bool same_encoder(const EncoderIdentity& left, const EncoderIdentity& right);
// "weight precision `float32` there, `int8` here; ...", or nothing where they are the same.
std::string encoder_difference(const EncoderIdentity& recorded, const EncoderIdentity& found);

}  // namespace orthant
