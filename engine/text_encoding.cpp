#include "engine/text_encoding.h"

#include <fmt/format.h>

namespace orthant {
namespace {

// What one model is asked for: positions of the jobs, and their keys in the cache where answers are kept there.
struct Share {
  std::string model;
  std::vector<std::size_t> positions;
  std::vector<std::string> keys;
};

// Gathers the answers of the models that one call asked.
struct Gathering {
  EncodedTexts texts;  // every job's own places, so no lock
  std::move_only_function<void(Result<EncodedTexts>)> done;
  std::shared_ptr<QueryCache> cache;
  std::atomic<std::size_t> waiting{0};
  std::mutex mutex;
  Status failure;  // guarded by mutex; the first one

  void take(Share share, Result<EncodeResult> answer) {
    if (answer) {
      for (std::size_t i = 0; i < share.positions.size(); ++i) {
        const auto row = answer->embeddings.row(i);
        texts.vectors[share.positions[i]] = std::vector<float>(row.begin(), row.end());
        if (share.keys.empty()) continue;
        cache->insert(std::move(share.keys[i]), {{row.begin(), row.end()}, answer->token_counts[i], answer->truncated[i]});
      }
    }
    count(share, answer);
  }

  void take(const Share& share, Result<SparseEncodeResult> answer) {
    for (std::size_t i = 0; answer && i < share.positions.size(); ++i) {
      SparseEmbedding& made = answer->embeddings[i];
      texts.vectors[share.positions[i]] = SparseVector{std::move(made.indices), std::move(made.values)};
    }
    count(share, answer);
  }

  // The last share calls `done`.
  template <typename Answer>
  void count(const Share& share, Result<Answer>& answer) {
    {
      std::lock_guard lock(mutex);
      if (!answer) {
        if (failure) failure = std::unexpected<Error>(std::move(answer).error());
      } else {
        // Bits of a vector<bool> share bytes with other jobs' bits.
        for (std::size_t i = 0; i < share.positions.size(); ++i) {
          texts.truncated[share.positions[i]] = answer->truncated[i];
          texts.tokens_by_model[share.model] += answer->token_counts[i];
        }
      }
    }
    if (waiting.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!failure) return done(std::unexpected<Error>(std::move(failure).error()));
    done(std::move(texts));
  }

  // Before any model is asked: no lock.
  void take_bm25(const Bm25& bm25, const TextJob& job, std::size_t position, Purpose purpose) {
    texts.vectors[position] = purpose == Purpose::kQuery ? bm25.encode_query(job.text) : bm25.encode_document(job.text);
    texts.tokens_by_model[model_name(job.model)] += bm25.count_words(job.text);
  }
  void take_cached(const Encoder& encoder, std::size_t position, CachedQuery query) {
    texts.vectors[position] = std::move(query.vector);
    texts.truncated[position] = query.truncated;
    texts.cached[position] = true;
    texts.tokens_by_model[encoder.info().name] += query.tokens;
  }
};

}  // namespace

namespace {

constexpr const char* kBm25Name = "qdrant/bm25";

EncoderIdentity identity_of(const EncoderInfo& info) {
  return {.model = info.name,
          .model_sha256 = info.model_sha256,
          .weight_precision = info.weight_precision,
          .pooling = info.pooling,
          .dim = static_cast<std::uint32_t>(info.dim),
          .query_prompt = info.query_prompt,
          .document_prompt = info.document_prompt};
}

}  // namespace

EncoderIdentity identity_of(const Encoder& encoder) {
  return identity_of(encoder.info());
}

EncoderIdentity identity_of(const TextModel& model) {
  if (const auto* encoder = std::get_if<const Encoder*>(&model)) return identity_of((*encoder)->info());
  if (const auto* encoder = std::get_if<const SparseEncoder*>(&model)) return identity_of((*encoder)->info());
  EncoderIdentity bm25;
  bm25.model = kBm25Name;
  bm25.pooling = "bm25";
  return bm25;
}

std::string encoder_difference(const EncoderIdentity& recorded, const EncoderIdentity& found) {
  std::string difference;
  const auto compare = [&](std::string_view part, std::string_view before, std::string_view now) {
    if (before == now) return;
    difference += fmt::format("{}{} `{}` there, `{}` here", difference.empty() ? "" : "; ", part, before, now);
  };
  // Twelve digits tell models apart and stay readable; should they agree by chance, all do the telling.
  const bool short_hashes = recorded.model_sha256.substr(0, 12) != found.model_sha256.substr(0, 12);
  const std::size_t digits = short_hashes ? 12 : std::string::npos;
  compare("model sha256", recorded.model_sha256.substr(0, digits), found.model_sha256.substr(0, digits));
  compare("weight precision", recorded.weight_precision, found.weight_precision);
  compare("pooling", recorded.pooling, found.pooling);
  compare("dimensions", std::to_string(recorded.dim), std::to_string(found.dim));
  if (recorded.query_prompt && found.query_prompt) compare("prompt of queries", *recorded.query_prompt, *found.query_prompt);
  if (recorded.document_prompt && found.document_prompt) {
    compare("prompt of documents", *recorded.document_prompt, *found.document_prompt);
  }
  return difference;
}

bool same_encoder(const EncoderIdentity& left, const EncoderIdentity& right) {
  return encoder_difference(left, right).empty();
}

Status TextEncoding::add(std::string_view model, const EncoderOptions& options) {
  const LoadedModel added = ORTHANT_TRY(registry_.add(model, options));
  std::lock_guard lock(mutex_);
  if (const auto* encoder = std::get_if<const Encoder*>(&added)) {
    const EncodeBatcherOptions batching{.max_queued_tokens = max_queued_tokens_, .bulk_pool = &bulk_pool_};
    batchers_[*encoder] = std::make_shared<EncodeBatcher>(**encoder, pool_, batching);
  } else if (const auto* reranker = std::get_if<const Reranker*>(&added)) {
    rerank_batchers_[*reranker] =
        std::make_shared<RerankBatcher>(**reranker, pool_, BatchRunnerOptions{.max_queued_tokens = max_queued_tokens_});
  } else if (const auto* sparse = std::get_if<const SparseEncoder*>(&added)) {
    sparse_batchers_[*sparse] =
        std::make_shared<SparseBatcher>(**sparse, pool_, BatchRunnerOptions{.max_queued_tokens = max_queued_tokens_});
  }
  return {};
}

std::shared_ptr<EncodeBatcher> TextEncoding::batcher(const Encoder& encoder) const {
  std::lock_guard lock(mutex_);
  const auto found = batchers_.find(&encoder);
  return found == batchers_.end() ? nullptr : found->second;
}

// The queues end outside of the lock: what they fail may ask for others.
void TextEncoding::stop() {
  std::map<const Encoder*, std::shared_ptr<EncodeBatcher>> encoders;
  std::map<const Reranker*, std::shared_ptr<RerankBatcher>> rerankers;
  std::map<const SparseEncoder*, std::shared_ptr<SparseBatcher>> sparse_encoders;
  std::lock_guard lock(mutex_);
  encoders.swap(batchers_);
  rerankers.swap(rerank_batchers_);
  sparse_encoders.swap(sparse_batchers_);
}

template <typename Model>
Result<const Model*> TextEncoding::find_kind(std::string_view model, ModelKind kind) const {
  if (model.empty()) {
    for (const LoadedModel& loaded : registry_.models()) {
      if (const auto* found = std::get_if<const Model*>(&loaded)) return *found;
    }
    return not_found(fmt::format("no model of kind `{}` is loaded; loaded: {}", model_kind_name(kind), loaded_names()));
  }
  const std::optional<LoadedModel> loaded = registry_.find_model(model);
  if (!loaded) return not_found(not_loaded(model));
  if (const auto* found = std::get_if<const Model*>(&*loaded)) return *found;
  return invalid_argument(fmt::format("model `{}` is of kind `{}`, expected `{}`", model, model_kind_name(model_info(*loaded).kind),
                                      model_kind_name(kind)));
}

Result<const Reranker*> TextEncoding::find_reranker(std::string_view model) const {
  return find_kind<Reranker>(model, ModelKind::kReranker);
}
Result<const SparseEncoder*> TextEncoding::find_sparse_encoder(std::string_view model) const {
  return find_kind<SparseEncoder>(model, ModelKind::kSparseEncoder);
}

namespace {

// The queue is held while it is used: stop() takes it away from others only.
template <typename Queues, typename Model>
auto queue_of(std::mutex& mutex, const Queues& queues, const Model& model) -> typename Queues::mapped_type {
  std::lock_guard lock(mutex);
  const auto found = queues.find(&model);
  return found == queues.end() ? nullptr : found->second;
}

}  // namespace

void TextEncoding::rerank(const Reranker& reranker, RerankRequest request, RerankBatcher::Done done) {
  const auto queue = queue_of(mutex_, rerank_batchers_, reranker);
  if (queue == nullptr) return done(fail(ErrorCode::kUnavailable, "shutting down"));
  queue->submit(std::move(request), std::move(done));
}

void TextEncoding::sparse_encode(const SparseEncoder& encoder, SparseEncodeRequest request, SparseBatcher::Done done) {
  const auto queue = queue_of(mutex_, sparse_batchers_, encoder);
  if (queue == nullptr) return done(fail(ErrorCode::kUnavailable, "shutting down"));
  queue->submit(std::move(request), std::move(done));
}

std::string TextEncoding::loaded_names() const {
  std::string names;
  for (const LoadedModel& model : registry_.models()) names += (names.empty() ? "" : ", ") + model_info(model).name;
  return names.empty() ? "none" : names;
}

std::string TextEncoding::not_loaded(std::string_view model) const {
  return fmt::format("model `{}` is not loaded; loaded: {}", model, loaded_names());
}

std::string model_name(const TextModel& model) {
  if (const auto* encoder = std::get_if<const Encoder*>(&model)) return (*encoder)->info().name;
  if (const auto* encoder = std::get_if<const SparseEncoder*>(&model)) return (*encoder)->info().name;
  return kBm25Name;
}

std::size_t max_tokens(const TextModel& model) {
  if (const auto* encoder = std::get_if<const Encoder*>(&model)) return (*encoder)->info().max_seq_length;
  if (const auto* encoder = std::get_if<const SparseEncoder*>(&model)) return (*encoder)->info().max_seq_length;
  return 0;
}

Result<TextModel> TextEncoding::choose(const TextInput& input, std::string_view vector_name, const VectorConfig& vector) const {
  if (vector.kind == VectorKind::kSparse) return choose_sparse(input, vector_name, vector);
  if (is_bm25(input.model)) {
    return invalid_argument(fmt::format("model `{}` makes sparse vectors, vector `{}` is dense", input.model, vector_name));
  }
  return TextModel(ORTHANT_TRY(choose_dense(input.model, vector_name, vector)));
}

// Texts of one vector are all encoded by the model that made the first.
Result<TextModel> TextEncoding::choose_sparse(const TextInput& input, std::string_view vector_name,
                                              const VectorConfig& vector) const {
  if (!vector.encoder) return find_sparse(input);
  if (input.model.empty()) {
    if (auto recorded = find_model(*vector.encoder, vector.kind)) return std::move(*recorded);
    return no_recorded_model(vector_name, *vector.encoder);
  }
  TextModel named = ORTHANT_TRY(find_sparse(input));
  if (same_encoder(*vector.encoder, identity_of(named))) return named;
  return fail(ErrorCode::kFailedPrecondition, fmt::format("vector `{}` was made by model `{}`, and model `{}` makes others",
                                                          vector_name, vector.encoder->model, model_name(named)));
}

Result<TextModel> TextEncoding::find_sparse(const TextInput& input) const {
  if (!is_bm25(input.model)) {
    const Result<const SparseEncoder*> encoder = find_sparse_encoder(input.model);
    if (encoder) return TextModel(*encoder);
    if (!input.model.empty()) return std::unexpected<Error>(encoder.error());
  }
  return TextModel(std::make_shared<const Bm25>(ORTHANT_TRY(Bm25::make(input.bm25 ? *input.bm25 : Bm25Options()))));
}

Result<const Encoder*> TextEncoding::choose_dense(std::string_view model, std::string_view vector_name,
                                                  const VectorConfig& vector) const {
  const Encoder* chosen = nullptr;
  if (!model.empty()) {
    chosen = registry_.find(model);
    if (chosen == nullptr) return not_found(not_loaded(model));
  } else if (vector.encoder) {
    chosen = registry_.find(vector.encoder->model);
    if (chosen == nullptr) chosen = find_encoder(*vector.encoder);
    if (chosen == nullptr) return no_recorded_model(vector_name, *vector.encoder);
  } else {
    chosen = registry_.first_of_dim(vector.index.dim);
    if (chosen == nullptr) {
      return fail(ErrorCode::kFailedPrecondition,
                  fmt::format("vector `{}` has {} dimensions and no loaded model gives them; loaded: {}", vector_name,
                              vector.index.dim, loaded_names()));
    }
  }
  const EncoderInfo& info = chosen->info();
  if (info.dim != vector.index.dim) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("model `{}` gives {} dimensions, vector `{}` has {}", info.name,
                                                            info.dim, vector_name, vector.index.dim));
  }
  if (!vector.encoder) return chosen;
  const std::string difference = encoder_difference(*vector.encoder, identity_of(*chosen));
  if (!difference.empty()) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("vector `{}` was made by model `{}`, and the loaded model `{}` makes others: {}", vector_name,
                            vector.encoder->model, info.name, difference));
  }
  return chosen;
}

std::unexpected<Error> TextEncoding::no_recorded_model(std::string_view vector_name, const EncoderIdentity& recorded) const {
  return fail(ErrorCode::kFailedPrecondition, fmt::format("vector `{}` was made by model `{}`, which is not loaded; loaded: {}",
                                                          vector_name, recorded.model, loaded_names()));
}

std::optional<TextModel> TextEncoding::find_model(const EncoderIdentity& identity, VectorKind kind) const {
  if (kind != VectorKind::kSparse) {
    const Encoder* const encoder = find_encoder(identity);
    return encoder == nullptr ? std::nullopt : std::optional<TextModel>(encoder);
  }
  if (is_bm25(identity.model)) {
    auto bm25 = Bm25::make(Bm25Options());
    if (bm25) return TextModel(std::make_shared<const Bm25>(std::move(*bm25)));
    return std::nullopt;
  }
  for (const LoadedModel& loaded : registry_.models()) {
    const auto* const sparse = std::get_if<const SparseEncoder*>(&loaded);
    if (sparse != nullptr && same_encoder(identity_of((*sparse)->info()), identity)) return TextModel(*sparse);
  }
  return std::nullopt;
}

Result<TextModel> TextEncoding::find_named(std::string_view model, VectorKind kind, std::string_view vector_name) const {
  if (kind == VectorKind::kSparse) return find_sparse(TextInput{std::string(), std::string(model)});
  const std::optional<LoadedModel> loaded = registry_.find_model(model);
  if (!loaded && !is_bm25(model)) return not_found(not_loaded(model));
  if (const auto* const encoder = loaded ? std::get_if<const Encoder*>(&*loaded) : nullptr) return TextModel(*encoder);
  return invalid_argument(fmt::format("model `{}` makes no dense embeddings, as vector `{}` needs them", model, vector_name));
}

const Encoder* TextEncoding::find_encoder(const EncoderIdentity& identity) const {
  const Encoder* named = registry_.find(identity.model);
  if (named != nullptr && same_encoder(identity_of(*named), identity)) return named;
  for (const Encoder* other : registry_.all()) {
    if (same_encoder(identity_of(*other), identity)) return other;
  }
  return nullptr;
}

void TextEncoding::encode(std::vector<TextJob> jobs, const TextEncodingOptions& options,
                          std::move_only_function<void(Result<EncodedTexts>)> done) {
  if (jobs.empty()) return done(EncodedTexts());
  auto gathering = std::make_shared<Gathering>();
  gathering->texts.vectors.resize(jobs.size());
  gathering->texts.truncated.resize(jobs.size());
  gathering->texts.cached.resize(jobs.size());
  gathering->done = std::move(done);
  gathering->cache = cache_;
  const EncodeOptions encode_options{.purpose = options.purpose};
  const bool cached = options.purpose == Purpose::kQuery && cache_->enabled();
  std::map<const Encoder*, Share> shares;
  std::map<const SparseEncoder*, Share> sparse_shares;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (const auto* bm25 = std::get_if<std::shared_ptr<const Bm25>>(&jobs[i].model)) {
      gathering->take_bm25(**bm25, jobs[i], i, options.purpose);
      continue;
    }
    if (const auto* sparse = std::get_if<const SparseEncoder*>(&jobs[i].model)) {
      Share& share = sparse_shares[*sparse];
      share.model = model_name(jobs[i].model);
      share.positions.push_back(i);
      continue;
    }
    const Encoder* encoder = std::get<const Encoder*>(jobs[i].model);
    std::string key = cached ? QueryCache::key(encoder->info(), encode_options, jobs[i].text) : std::string();
    if (cached) {
      if (auto known = cache_->find(key)) {
        gathering->take_cached(*encoder, i, std::move(*known));
        continue;
      }
    }
    Share& share = shares[encoder];
    share.model = encoder->info().name;
    share.positions.push_back(i);
    if (cached) share.keys.push_back(std::move(key));
  }
  if (shares.empty() && sparse_shares.empty()) return gathering->done(std::move(gathering->texts));
  gathering->waiting = shares.size() + sparse_shares.size();
  for (auto& [encoder, share] : sparse_shares) {
    SparseEncodeRequest request{
        .texts = {}, .purpose = options.purpose, .deadline = options.deadline, .cancelled = options.cancelled};
    for (const std::size_t position : share.positions) request.texts.push_back(std::move(jobs[position].text));
    sparse_encode(*encoder, std::move(request), [gathering, taken = std::move(share)](Result<SparseEncodeResult> answer) {
      gathering->take(taken, std::move(answer));
    });
  }
  for (auto& [encoder, share] : shares) {
    EncodeRequest request;
    for (const std::size_t position : share.positions) request.texts.push_back(std::move(jobs[position].text));
    request.options = encode_options;
    request.bulk = options.bulk;
    request.deadline = options.deadline;
    request.cancelled = options.cancelled;
    auto take = [gathering, taken = std::move(share)](Result<EncodeResult> answer) mutable {
      gathering->take(std::move(taken), std::move(answer));
    };
    if (const auto queue = batcher(*encoder)) {
      queue->submit(std::move(request), std::move(take));
    } else {
      take(fail(ErrorCode::kUnavailable, "shutting down"));
    }
  }
}

}  // namespace orthant
