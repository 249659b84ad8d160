// Engine::quality: measured on stored rows by the collection, and on judged queries where they are given.

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/engine_impl.h"
#include "engine/evaluation.h"

namespace orthant {
namespace {

constexpr std::size_t kDepth = 10;

// One call on its way. Passed from thread to thread.
class QualityCall : public std::enable_shared_from_this<QualityCall> {
 public:
  QualityCall(Engine::Impl& engine, std::shared_ptr<Collection> collection, CollectionQualityRequest request,
              RequestContext context, Done<CollectionQuality> done)
      : engine_(engine),
        collection_(std::move(collection)),
        request_(std::move(request)),
        context_(std::move(context)),
        done_(std::move(done)) {}

  void start();
  void refuse(Error error) { done_(std::unexpected<Error>(std::move(error))); }

 private:
  Status collect_queries();
  void rank();
  void take_rankings(const RankedQueries& ranked);
  void measure();

  Engine::Impl& engine_;
  const std::shared_ptr<Collection> collection_;
  const CollectionQualityRequest request_;
  const RequestContext context_;
  Done<CollectionQuality> done_;
  CollectionQuality result_;
  std::vector<std::vector<float>> vectors_;  // of the judged queries
  std::vector<TextJob> jobs_;
  std::vector<std::size_t> job_queries_;  // the query of each job
};

void QualityCall::start() {
  Status ready = check_wanted(context_);
  if (ready) ready = collect_queries();
  if (!ready) return refuse(std::move(ready).error());
  if (request_.judged.empty()) return measure();
  if (jobs_.empty()) return rank();
  engine_.texts.encode(std::move(jobs_),
                       {.purpose = Purpose::kQuery, .bulk = true, .deadline = context_.deadline, .cancelled = context_.cancelled},
                       [self = shared_from_this()](Result<EncodedTexts> encoded) {
                         if (!encoded) return self->refuse(std::move(encoded).error());
                         for (std::size_t job = 0; job < self->job_queries_.size(); ++job) {
                           self->vectors_[self->job_queries_[job]] = std::get<std::vector<float>>(std::move(encoded->vectors[job]));
                         }
                         self->result_.judged->truncated = static_cast<std::size_t>(std::ranges::count(encoded->truncated, true));
                         self->result_.judged->tokens_by_model = std::move(encoded->tokens_by_model);
                         self->rank();
                       });
}

Status QualityCall::collect_queries() {
  if (request_.judged.empty()) return {};
  if (request_.judged.size() > CollectionQualityRequest::kMaxQueries) {
    return invalid_argument(fmt::format("queries: {}, at most {}", request_.judged.size(), CollectionQualityRequest::kMaxQueries));
  }
  result_.judged.emplace();
  const VectorConfig vector = ORTHANT_TRY(collection_->vector_config(request_.vector_name));
  if (vector.kind != VectorKind::kDense) {
    return invalid_argument("quality is measured of dense vectors only: this one is sparse or a multivector");
  }
  vectors_.resize(request_.judged.size());
  for (std::size_t i = 0; i < request_.judged.size(); ++i) {
    const VectorInput& query = request_.judged[i].query;
    if (const auto* text = std::get_if<TextInput>(&query)) {
      if (text->text.empty()) return invalid_argument(fmt::format("queries[{}].text: empty", i));
      jobs_.push_back({ORTHANT_TRY(engine_.texts.choose(*text, request_.vector_name, vector)), text->text});
      job_queries_.push_back(i);
    } else if (const auto* floats = std::get_if<std::vector<float>>(&query)) {
      if (floats->size() != vector.index.dim) {
        return invalid_argument(fmt::format("queries[{}].vector: {} dimensions, expected {}", i, floats->size(), vector.index.dim));
      }
      vectors_[i] = *floats;
    } else {
      return invalid_argument(fmt::format("queries[{}].vector: expected numbers or a text", i));
    }
  }
  return {};
}

void QualityCall::rank() {
  std::vector<float> queries;
  std::vector<PointId> points;
  for (std::size_t i = 0; i < vectors_.size(); ++i) {
    queries.insert(queries.end(), vectors_[i].begin(), vectors_[i].end());
    for (const auto& [point, relevance] : request_.judged[i].judgements) points.push_back(point);
  }
  collection_->rank_queries(request_.vector_name, std::move(queries), std::move(points),
                            [self = shared_from_this()](Result<RankedQueries> ranked) {
                              if (!ranked) return self->refuse(std::move(ranked).error());
                              self->take_rankings(*ranked);
                              self->measure();
                            });
}

void QualityCall::take_rankings(const RankedQueries& ranked) {
  JudgedQuality& judged = *result_.judged;
  judged.queries = request_.judged.size();
  judged.judged_points = ranked.ordinals.size();
  judged.missing_points = static_cast<std::size_t>(std::ranges::count(ranked.ordinals, kNoOrdinal));
  if (ranked.index.served) judged.served = *ranked.index.served;
  std::size_t next = 0;
  for (std::size_t i = 0; i < judged.queries; ++i) {
    std::vector<Judgement> judgements;
    for (const auto& [point, relevance] : request_.judged[i].judgements) {
      judgements.push_back({ranked.ordinals[next++], relevance});
    }
    const auto& served = ranked.index.served_rankings[i];
    const auto& exact = ranked.index.exact_rankings[i];
    judged.ndcg_at_10 += ndcg_at(kDepth, served, judgements);
    judged.exact_ndcg_at_10 += ndcg_at(kDepth, exact, judgements);
    judged.recall_at_10 += recall_at(kDepth, served, judgements);
    judged.exact_recall_at_10 += recall_at(kDepth, exact, judgements);
  }
  for (double* sum : {&judged.ndcg_at_10, &judged.exact_ndcg_at_10, &judged.recall_at_10, &judged.exact_recall_at_10}) {
    *sum /= static_cast<double>(judged.queries);
  }
  judged.retention = judged.exact_ndcg_at_10 == 0 ? 1 : judged.ndcg_at_10 / judged.exact_ndcg_at_10;
}

void QualityCall::measure() {
  const QualityAsk ask{.vector_name = request_.vector_name, .sampled_rows = request_.sampled_rows, .refresh = request_.refresh};
  collection_->measure_quality(ask, [self = shared_from_this()](Result<QualityAnswer> answer) {
    if (!answer) return self->refuse(std::move(answer).error());
    self->result_.answer = std::move(*answer);
    self->done_(std::move(self->result_));
  });
}

}  // namespace

void Engine::quality(std::string collection, CollectionQualityRequest request, RequestContext context,
                     Done<CollectionQuality> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  auto call = std::make_shared<QualityCall>(*impl_, *found, std::move(request), std::move(context), std::move(*admitted));
  Status queued = impl_->search_pool.submit([call] { call->start(); });
  if (!queued) call->refuse(std::move(queued).error());
}

}  // namespace orthant
