// Engine::query: text is encoded first; the searches run on the search pool, where one pass over the codes serves those of several
// calls that wait for a thread.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

#include "base/float_values.h"
#include "base/metrics.h"
#include "engine/collection/stage_timer.h"
#include "engine/engine_impl.h"
#include "engine/payload/json_path.h"
#include "engine/query_inputs.h"
#include "engine/ranked_points.h"
#include "engine/rerank_stage.h"

namespace orthant {
namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

// What points that nothing ranks are scored with, as Qdrant does.
constexpr float kUnranked = 1;

// The second stage of one query of a call.
struct Reranking {
  std::size_t query = 0;
  const Reranker* reranker = nullptr;
  std::string text;
  RerankCandidates candidates;
  std::vector<float> scores;
};

}  // namespace

// One call of Engine::query on its way. Passed from thread to thread.
class QueryCall : public std::enable_shared_from_this<QueryCall> {
 public:
  QueryCall(Engine::Impl& engine, std::shared_ptr<Collection> collection, std::vector<QueryRequest> queries, RequestContext context,
            Done<std::vector<QueryResult>> done)
      : engine_(engine),
        collection_(std::move(collection)),
        queries_(std::move(queries)),
        context_(std::move(context)),
        done_(std::move(done)),
        inputs_(std::make_shared<QueryInputs>(engine, collection_)),
        results_(queries_.size()),
        vectors_(queries_.size()) {}

  void begin();

 private:
  void refuse(Error error) { done_(std::unexpected<Error>(std::move(error))); }
  void start();
  Status collect_rerankings();
  Status collect_texts();
  void encode();
  void take_inputs();
  std::optional<VectorSearch> shared_search() const;
  void wait_for_thread(Status (ThreadPool::*submit)(Task));
  void search_in_turn();
  static void search_together(std::span<const WaitingSearch> searches);
  void search_all();
  void finish_search();
  void rerank_all();
  void take_scores(Reranking& reranking, Result<RerankResult> scored);
  void finish();
  Status run(std::size_t i);
  bool is_plain(std::size_t i) const;
  std::vector<std::vector<std::size_t>> groups() const;
  void run_group(std::span<const std::size_t> group, std::span<Status> statuses);
  bool search_group(std::span<const std::size_t> group);
  VectorSearch search_for(std::size_t i, const VectorValue& vector, const std::optional<PointId>& excluded) const;
  Status search(std::size_t i, const VectorValue& vector, const std::optional<PointId>& excluded);
  Status scroll(std::size_t i);
  Status run_tree(std::size_t i);
  Result<VectorValue> vector_of_point(const QueryRequest& query, const PointId& id) const;

  Engine::Impl& engine_;
  const std::shared_ptr<Collection> collection_;
  const std::vector<QueryRequest> queries_;
  const RequestContext context_;
  Done<std::vector<QueryResult>> done_;
  std::shared_ptr<QueryInputs> inputs_;
  unsigned attempts_ = 0;
  std::vector<QueryResult> results_;
  std::vector<VectorValue> vectors_;  // of queries that are one vector, once it is known
  bool is_shared_ = false;            // it waits, or has waited, in the engine's waiting searches
  std::vector<Reranking> rerankings_;
  std::atomic<std::size_t> rerankings_under_way_{0};
  std::mutex failure_mutex_;
  Status failure_;  // of the second stage; guarded by failure_mutex_
  const Clock::time_point begin_ = Clock::now();
  std::optional<StageTimer> rerank_timer_;
};

// A call that brings its only vector waits where others can take its search along.
void QueryCall::begin() {
  const auto* input = queries_.size() == 1 ? std::get_if<VectorInput>(&queries_.front().query) : nullptr;
  if (input != nullptr && !queries_.front().rerank) {
    if (auto ready = ready_value(*input)) {
      vectors_.front() = std::move(*ready);
      if (shared_search()) return wait_for_thread(&ThreadPool::submit);
    }
  }
  Status queued = engine_.search_pool.submit([self = shared_from_this()] { self->start(); });
  if (!queued) refuse(std::move(queued).error());
}

void QueryCall::start() {
  Status ready = check_wanted(context_);
  if (ready) ready = collect_rerankings();
  if (!ready) return refuse(std::move(ready).error());
  encode();
}

void QueryCall::encode() {
  if (Status ready = collect_texts(); !ready) return refuse(std::move(ready).error());
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    if (queries_[i].explain) results_[i].explanation.emplace();
  }
  if (!inputs_->has_texts()) {
    take_inputs();
    return search_all();
  }
  inputs_->encode(context_, [self = shared_from_this()](Status encoded) {
    if (!encoded) return self->refuse(std::move(encoded).error());
    self->take_inputs();
    self->wait_for_thread(&ThreadPool::submit_continuation);
  });
}

Status QueryCall::collect_texts() {
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    ORTHANT_TRY(inputs_->add(queries_[i], queries_.size() == 1 ? "query" : fmt::format("searches[{}].query", i)));
  }
  return {};
}

Status QueryCall::collect_rerankings() {
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    if (!queries_[i].rerank) continue;
    const RerankStage& stage = *queries_[i].rerank;
    const std::string where = queries_.size() == 1 ? "rerank" : fmt::format("searches[{}].rerank", i);
    const auto* input = std::get_if<VectorInput>(&queries_[i].query);
    const auto* text = input == nullptr ? nullptr : std::get_if<TextInput>(input);
    if (!stage.query && text == nullptr) {
      return invalid_argument(fmt::format("{}.query: absent, and the query itself is no text", where));
    }
    Reranking reranking;
    reranking.query = i;
    reranking.text = stage.query ? *stage.query : text->text;
    if (reranking.text.empty()) return invalid_argument(fmt::format("{}.query: empty", where));
    if (!stage.field.empty()) {
      if (const auto path = JsonPath::parse(stage.field); !path) return with_context(where + ".field", path.error());
    }
    const Result<const Reranker*> reranker = engine_.texts.find_reranker(stage.model);
    if (!reranker) return with_context(where + ".model", reranker.error());
    reranking.reranker = *reranker;
    rerankings_.push_back(std::move(reranking));
  }
  return {};
}

void QueryCall::take_inputs() {
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    visit_stages(queries_[i], [&](const QueryStage& stage) {
      visit_examples(stage, [&](const auto& given) {
        if constexpr (std::is_same_v<decltype(given), const VectorInput&>) {
          const QueryInputs::Encoded* text = inputs_->encoded(given);
          results_[i].query_truncated = results_[i].query_truncated || (text != nullptr && text->truncated);
        }
      });
    });
    const auto* input = std::get_if<VectorInput>(&queries_[i].query);
    if (input == nullptr) continue;
    vectors_[i] = inputs_->value_of(*input).value_or(VectorValue());
    const QueryInputs::Encoded* text = inputs_->encoded(*input);
    if (text != nullptr && results_[i].explanation) {
      results_[i].explanation->encoding = {text->model, text->cached, text->microseconds};
    }
  }
  if (!results_.empty()) results_.front().tokens_by_model = inputs_->tokens_by_model();
}

// What the call searches for where another call could do it too: one vector, no filter, nothing to explain.
std::optional<VectorSearch> QueryCall::shared_search() const {
  if (queries_.size() != 1 || !is_plain(0)) return std::nullopt;
  VectorSearch search = search_for(0, vectors_.front(), std::nullopt);
  if (!can_share(search, search)) return std::nullopt;
  return search;
}

void QueryCall::wait_for_thread(Status (ThreadPool::*submit)(Task)) {
  auto search = shared_search();
  is_shared_ = search.has_value();
  if (search) engine_.waiting_searches.add({shared_from_this(), collection_, std::move(*search)});
  Status queued = (engine_.search_pool.*submit)([self = shared_from_this()] { self->search_in_turn(); });
  // Another call may have taken it along by now.
  if (!queued && (!is_shared_ || engine_.waiting_searches.withdraw(*this))) refuse(std::move(queued).error());
}

void QueryCall::search_in_turn() {
  if (!is_shared_) return search_all();
  const auto together = engine_.waiting_searches.take(*this, engine_.search_pool.thread_count());
  std::vector<WaitingSearch> wanted;
  for (const WaitingSearch& search : together) {
    if (Status status = check_wanted(search.call->context_)) {
      wanted.push_back(search);
    } else {
      search.call->refuse(std::move(status).error());
    }
  }
  if (!wanted.empty()) search_together(wanted);
}

// What fails together is done again one by one, so that each call has its own error.
void QueryCall::search_together(std::span<const WaitingSearch> searches) {
  static Histogram& sizes =
      histogram("orthant_shared_searches", "Requests whose searches ran as one, because they waited together.", size_buckets());
  sizes.observe(static_cast<double>(searches.size()));
  if (searches.size() > 1) {
    std::vector<VectorSearch> requests;
    for (const WaitingSearch& search : searches) requests.push_back(search.search);
    if (auto answers = searches.front().collection->search_together(requests)) {
      for (std::size_t i = 0; i < searches.size(); ++i) {
        QueryCall& call = *searches[i].call;
        call.results_.front().points = std::move((*answers)[i].points);
        call.finish_search();
      }
      return;
    }
  }
  for (const WaitingSearch& search : searches) search.call->search_all();
}

void QueryCall::search_all() {
  std::vector<Status> statuses(queries_.size());
  const std::vector<std::vector<std::size_t>> grouped = groups();
  parallel_for(&engine_.search_pool, grouped.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) run_group(grouped[i], statuses);
  });
  if (std::ranges::any_of(statuses, [](const Status& status) { return !status && is_another_model_serving(status.error()); }) &&
      ++attempts_ < kQueryAttempts) {
    inputs_ = std::make_shared<QueryInputs>(engine_, collection_);
    results_.assign(queries_.size(), {});
    return encode();
  }
  for (Status& status : statuses) {
    if (!status) return refuse(std::move(status).error());
  }
  finish_search();
}

void QueryCall::finish_search() {
  if (rerankings_.empty()) return done_(std::move(results_));
  rerank_timer_.emplace(TimedStage::kRerank);
  rerank_all();
}

void QueryCall::rerank_all() {
  for (Reranking& reranking : rerankings_) {
    const QueryRequest& query = queries_[reranking.query];
    Result<RerankCandidates> candidates =
        read_candidates(*collection_, results_[reranking.query].points, *query.rerank, query.vector_name);
    if (!candidates) return refuse(std::move(candidates).error());
    reranking.candidates = std::move(*candidates);
  }
  rerankings_under_way_ = rerankings_.size();
  for (Reranking& reranking : rerankings_) {
    RerankRequest request{.query = reranking.text,
                          .documents = std::move(reranking.candidates.texts),
                          .deadline = context_.deadline,
                          .cancelled = context_.cancelled};
    engine_.texts.rerank(
        *reranking.reranker, std::move(request),
        [self = shared_from_this(), &reranking](Result<RerankResult> scored) { self->take_scores(reranking, std::move(scored)); });
  }
}

void QueryCall::take_scores(Reranking& reranking, Result<RerankResult> scored) {
  if (scored) {
    reranking.scores = std::move(scored->scores);
    std::uint64_t tokens = 0;
    for (const std::uint32_t count : scored->token_counts) tokens += count;
    std::lock_guard lock(failure_mutex_);
    results_[reranking.query].tokens_by_model[reranking.reranker->info().name] += tokens;
  } else {
    std::lock_guard lock(failure_mutex_);
    if (failure_) failure_ = std::unexpected<Error>(std::move(scored).error());
  }
  if (rerankings_under_way_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Status queued = engine_.search_pool.submit_continuation([self = shared_from_this()] { self->finish(); });
  if (!queued) refuse(std::move(queued).error());
}

void QueryCall::finish() {
  if (!failure_) return refuse(failure_.error());
  const double rerank_microseconds = rerank_timer_->stop();
  for (const Reranking& reranking : rerankings_) {
    const QueryRequest& query = queries_[reranking.query];
    QueryResult& result = results_[reranking.query];
    apply_scores(reranking.candidates, reranking.scores, query, result);
    if (Status read = read_contents(*collection_, query, result); !read) return refuse(std::move(read).error());
    if (result.explanation) {
      result.explanation->rerank_microseconds = rerank_microseconds;
      result.explanation->microseconds = microseconds_since(begin_);
    }
  }
  done_(std::move(results_));
}

// A vector came with the query, or its text became one.
bool QueryCall::is_plain(std::size_t i) const {
  const auto* input = std::get_if<VectorInput>(&queries_[i].query);
  return input != nullptr && queries_[i].prefetch.empty() && !queries_[i].idf_corpus &&
         !std::holds_alternative<CodeInput>(*input) && all_finite(values_of(vectors_[i]));
}

// Neighbouring queries that one pass over the codes can serve, as few together as keep all threads busy.
std::vector<std::vector<std::size_t>> QueryCall::groups() const {
  const std::size_t threads = std::max<std::size_t>(1, engine_.search_pool.thread_count());
  const std::size_t most = std::clamp<std::size_t>((queries_.size() + threads - 1) / threads, 1, kSearchesTogether);
  std::vector<std::vector<std::size_t>> grouped;
  std::optional<VectorSearch> last;  // what the last group searches for; nothing when nothing can join it
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    std::optional<VectorSearch> request;
    if (is_plain(i)) request = search_for(i, vectors_[i], std::nullopt);
    if (request && last && grouped.back().size() < most && can_share(*last, *request)) {
      grouped.back().push_back(i);
      continue;
    }
    grouped.push_back({i});
    last = std::move(request);
  }
  return grouped;
}

// What fails together is done again one by one, so that each query has its own error.
void QueryCall::run_group(std::span<const std::size_t> group, std::span<Status> statuses) {
  if (group.size() > 1 && check_wanted(context_) && search_group(group)) return;
  for (const std::size_t i : group) statuses[i] = run(i);
}

bool QueryCall::search_group(std::span<const std::size_t> group) {
  std::vector<VectorSearch> requests;
  for (const std::size_t i : group) requests.push_back(search_for(i, vectors_[i], std::nullopt));
  Result<std::vector<Collection::SearchAnswer>> answers = collection_->search_together(requests);
  if (!answers) return false;
  for (std::size_t i = 0; i < group.size(); ++i) results_[group[i]].points = std::move((*answers)[i].points);
  return true;
}

Status QueryCall::run(std::size_t i) {
  ORTHANT_TRY(check_wanted(context_));
  const QueryRequest& query = queries_[i];
  if (!query.prefetch.empty() || query.idf_corpus) return run_tree(i);
  if (const auto* id = std::get_if<PointId>(&query.query)) {
    const VectorValue vector = ORTHANT_TRY(vector_of_point(query, *id));
    // The example itself is no answer, where it is a point of this collection.
    const bool own = query.lookup_collection.empty() || query.lookup_collection == collection_->name();
    return search(i, vector, own ? std::optional<PointId>(*id) : std::nullopt);
  }
  if (std::holds_alternative<std::monostate>(query.query)) return scroll(i);
  const auto* input = std::get_if<VectorInput>(&query.query);
  if (input == nullptr) return run_tree(i);
  if (const auto* codes = std::get_if<CodeInput>(input)) {
    return search(i, ORTHANT_TRY(collection_->query_from_codes(query.vector_name, codes->bytes)), std::nullopt);
  }
  return search(i, vectors_[i], std::nullopt);
}

VectorSearch QueryCall::search_for(std::size_t i, const VectorValue& vector, const std::optional<PointId>& excluded) const {
  const QueryRequest& query = queries_[i];
  VectorSearch request{.vector_name = query.vector_name,
                       .vector = &vector,
                       .filter = pointer_to(query.filter),
                       .limit = query.limit,
                       .offset = query.offset,
                       .excluded = excluded,
                       .params = query.search,
                       .payload = query.payload,
                       .vectors = query.vectors,
                       .explain = query.explain};
  request.params.score_threshold = query.score_threshold;
  if (const auto* input = std::get_if<VectorInput>(&query.query)) {
    if (const QueryInputs::Encoded* text = inputs_->encoded(*input)) request.generation = text->generation;
  }
  if (query.rerank) {
    request.limit = first_stage_limit(query);
    request.offset = 0;
    request.payload = {};
    request.vectors = {};
  }
  return request;
}

Status QueryCall::search(std::size_t i, const VectorValue& vector, const std::optional<PointId>& excluded) {
  if (!all_finite(values_of(vector))) return invalid_argument("query vector: holds NaN or infinity");
  Collection::SearchAnswer answer = ORTHANT_TRY(collection_->search(search_for(i, vector, excluded)));
  results_[i].points = std::move(answer.points);
  if (results_[i].explanation) {
    results_[i].explanation->search = std::move(answer.explanation);
    results_[i].explanation->microseconds = microseconds_since(begin_);
  }
  return {};
}

Status QueryCall::scroll(std::size_t i) {
  const QueryRequest& query = queries_[i];
  PointPage page = ORTHANT_TRY(collection_->scroll({.from = {},
                                                    .filter = pointer_to(query.filter),
                                                    .limit = query.rerank ? first_stage_limit(query) : query.limit,
                                                    .offset = query.rerank ? 0 : query.offset,
                                                    .payload = query.rerank ? PayloadSelector() : query.payload,
                                                    .vectors = query.rerank ? VectorSelector() : query.vectors}));
  for (Record& record : page.points) results_[i].points.push_back({std::move(record), kUnranked});
  if (results_[i].explanation) results_[i].explanation->microseconds = microseconds_since(begin_);
  return {};
}

Status QueryCall::run_tree(std::size_t i) {
  const QueryRequest& query = queries_[i];
  const CollectionReader reader = ORTHANT_TRY(collection_->reader());
  const ResolvedExamples examples = ORTHANT_TRY(inputs_->resolve(query, reader));
  const bool sampled = query.prefetch.empty() && std::holds_alternative<RandomSample>(query.query);
  const std::size_t offset = query.rerank || sampled ? 0 : query.offset;  // chance has no second page
  const std::size_t limit = query.rerank ? first_stage_limit(query) : query.limit + std::min(offset, SIZE_MAX - query.limit);
  StageRunner runner(reader, examples, [this] { return check_wanted(context_); });
  RankedRows ranked = ORTHANT_TRY(runner.run(query, {.limit = limit, .offset = offset}));
  const PayloadSelector payload = query.rerank ? PayloadSelector() : query.payload;
  const VectorSelector vectors = query.rerank ? VectorSelector() : query.vectors;
  results_[i].points = ORTHANT_TRY(points_of(reader, ranked, offset, payload, vectors));
  if (results_[i].explanation) results_[i].explanation->microseconds = microseconds_since(begin_);
  return {};
}

Result<VectorValue> QueryCall::vector_of_point(const QueryRequest& query, const PointId& id) const {
  const std::shared_ptr<Collection> source =
      query.lookup_collection.empty() ? collection_ : ORTHANT_TRY(lookup_collection(engine_, query.lookup_collection));
  const std::string& name = query.lookup_vector.empty() ? query.vector_name : query.lookup_vector;
  ORTHANT_TRY(source->slot_of(name));
  const std::vector<Record> records = ORTHANT_TRY(source->retrieve({&id, 1}, {}, {.enabled = true, .names = {name}}));
  if (records.empty()) return not_found(fmt::format("No point with id {} found", id.to_string()));
  if (records.front().vectors->empty()) return invalid_argument(fmt::format("Not existing vector name error: {}", name));
  return records.front().vectors->front().second;
}

void Engine::query(std::string collection, std::vector<QueryRequest> queries, RequestContext context,
                   Done<std::vector<QueryResult>> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  for (QueryRequest& query : queries) choose_text_queries(**found, query);
  auto call = std::make_shared<QueryCall>(*impl_, *found, std::move(queries), std::move(context), std::move(*admitted));
  call->begin();
}

}  // namespace orthant
