// Engine's calls that summarise points: groups, facets, distance matrices. The work runs on the search pool.

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "engine/engine_impl.h"
#include "engine/query/grouping.h"
#include "engine/query/merge_filter.h"
#include "engine/query/similarity.h"
#include "engine/query_inputs.h"
#include "engine/ranked_points.h"

namespace orthant {
namespace {

// Tables of so many rows are grouped in one round.
constexpr std::size_t kRowsOfOneRound = 10'000;
// The first round of larger ones looks at so many times the hits wanted, each next one at so many times more.
constexpr std::size_t kFirstRoundFactor = 4;
constexpr std::size_t kRoundGrowth = 4;
constexpr std::size_t kFewestHits = 256;
// A round of prefetches is a whole query.
constexpr std::size_t kMostPrefetchRounds = 10;

// Conditions on a field that hold for some element of it other than (`except`) the groups, or one of them.
template <typename Match>
std::vector<Condition> conditions_on(const std::string& key, const std::vector<GroupId>& groups) {
  std::vector<MatchScalar> texts;
  std::vector<MatchScalar> integers;
  for (const GroupId& id : groups) {
    if (const auto* text = std::get_if<std::string>(&id)) texts.push_back(*text);
    if (const auto* number = std::get_if<std::int64_t>(&id)) integers.push_back(*number);
    // Integers of payloads beyond 64 bits with sign match no condition; they are merely found again.
    if (const auto* number = std::get_if<std::uint64_t>(&id); number != nullptr && *number <= INT64_MAX) {
      integers.push_back(static_cast<std::int64_t>(*number));
    }
  }
  std::vector<Condition> conditions;
  if (!texts.empty()) conditions.push_back(FieldCondition{key, Match{std::move(texts)}});
  if (!integers.empty()) conditions.push_back(FieldCondition{key, Match{std::move(integers)}});
  return conditions;
}

// Collects the groups of one request, by one query after the other where the first does not show enough.
class GroupCall {
 public:
  GroupCall(const CollectionReader& reader, const ResolvedExamples& examples, const GroupsRequest& request, JsonPath path,
            const RequestContext& context)
      : reader_(reader),
        request_(request),
        path_(std::move(path)),
        runner_(reader, examples, [&context] { return check_wanted(context); }),
        grouping_(request.query.limit, request.group_size) {}

  Result<std::vector<Group>> run() {
    const Bitmap live = reader_.live_rows();
    const std::size_t rows = live.count();
    Bitmap seen(live.size());
    if (!request_.query.prefetch.empty()) return run_prefetched(rows, seen);
    const bool one_round = rows <= kRowsOfOneRound || std::holds_alternative<DiverseQuery>(request_.query.query);
    std::size_t limit = one_round ? std::max<std::size_t>(rows, 1) : first_limit(rows);
    for (;;) {
      const std::size_t found = ORTHANT_TRY(run_round(limit, seen));
      if (one_round || found < limit || grouping_.is_done()) break;
      limit = std::min(limit * kRoundGrowth, rows);
    }
    return std::move(grouping_).take();
  }

 private:
  std::size_t first_limit(std::size_t rows) const {
    const std::size_t hits = std::min(request_.query.limit, rows) * std::min(request_.group_size, rows);
    return std::clamp(hits * kFirstRoundFactor, kFewestHits, std::max(rows, kFewestHits));
  }

  // Prefetches bound what a round sees: later ones look among the rows that are left for what is missing. Scores of fusions are
  // those of one round only.
  Result<std::vector<Group>> run_prefetched(std::size_t rows, Bitmap& seen) {
    const auto& query = request_.query.query;
    const bool comparable = std::holds_alternative<VectorInput>(query) || std::holds_alternative<PointId>(query);
    for (std::size_t round = 0; round < kMostPrefetchRounds; ++round) {
      const std::size_t found = ORTHANT_TRY(run_round(std::max<std::size_t>(rows, 1), seen));
      if (!comparable || found == 0 || grouping_.is_done()) break;
    }
    std::vector<Group> groups = std::move(grouping_).take();
    if (comparable) put_in_order(groups);
    return groups;
  }

  // A later round may have found better hits than an earlier one.
  void put_in_order(std::vector<Group>& groups) const {
    const auto better = [this](const ScoredOrdinal& a, const ScoredOrdinal& b) {
      if (a.score != b.score) return ascending_ ? a.score < b.score : a.score > b.score;
      return a.ordinal < b.ordinal;
    };
    for (Group& group : groups) std::ranges::sort(group.hits, better);
    std::ranges::sort(groups, better, [](const Group& group) { return group.hits.front(); });
  }

  // Rows that only belong to full groups are not looked at again; once all groups are known, only such are that belong to one that
  // is not full.
  Filter later_filter() const {
    Filter filter;
    if (!grouping_.has_all()) {
      filter.must = conditions_on<MatchExcept>(request_.group_by, grouping_.full());
      filter.must_not.push_back(FieldCondition{request_.group_by, IsEmpty{}});
      return filter;
    }
    Filter alternatives;
    alternatives.should = conditions_on<MatchAny>(request_.group_by, grouping_.open());
    filter.must.push_back(SubFilter{std::make_shared<const Filter>(std::move(alternatives))});
    return filter;
  }

  // Gives how many rows were found. Rows that were seen before are not among them.
  Result<std::size_t> run_round(std::size_t limit, Bitmap& seen) {
    const bool first = seen.none();
    std::optional<Filter> filter;
    if (!first) {
      filter = later_filter();
    } else if (!request_.query.prefetch.empty()) {
      // The places that prefetches have are not for points without a group.
      filter.emplace().must_not.push_back(FieldCondition{request_.group_by, IsEmpty{}});
    }
    const RankedRows ranked =
        ORTHANT_TRY(runner_.run(request_.query, {.limit = limit, .prefetch_factor = request_.group_size, .grouped = true}, filter,
                                first ? nullptr : &seen));
    if (!ranked.rows.empty() && ranked.rows.front().score < ranked.rows.back().score) ascending_ = true;
    std::vector<Ordinal> ordinals;
    for (const ScoredOrdinal& hit : ranked.rows) ordinals.push_back(hit.ordinal);
    ORTHANT_TRY(reader_.visit_points(ordinals, [&](std::size_t i, const StoredPoint& point) -> Status {
      grouping_.add(ranked.rows[i], groups_of(point.payload, path_));
      if (ordinals[i] < seen.size()) seen.set(ordinals[i]);
      return {};
    }));
    return ordinals.size();
  }

  const CollectionReader& reader_;
  const GroupsRequest& request_;
  const JsonPath path_;
  StageRunner runner_;
  Grouping grouping_;
  bool ascending_ = false;  // lower scores are better
};

std::optional<PointId> point_id_of(const GroupId& id) {
  if (const auto* number = std::get_if<std::uint64_t>(&id)) return PointId::number(*number);
  if (const auto* text = std::get_if<std::string>(&id)) return PointId::parse_uuid(*text);
  return std::nullopt;
}

Status look_up(const Engine::Impl& engine, const GroupsRequest::Lookup& lookup, std::vector<PointGroup>& groups) {
  const auto collection = ORTHANT_TRY(lookup_collection(engine, lookup.collection));
  for (PointGroup& group : groups) {
    const auto id = point_id_of(group.id);
    if (!id) continue;
    std::vector<Record> found = ORTHANT_TRY(collection->retrieve({&*id, 1}, lookup.payload, lookup.vectors));
    if (!found.empty()) group.lookup = std::move(found.front());
  }
  return {};
}

Result<GroupsResult> collect_groups(const Engine::Impl& engine, const Collection& collection, const QueryInputs& inputs,
                                    const GroupsRequest& request, const RequestContext& context) {
  if (request.lookup) ORTHANT_TRY(lookup_collection(engine, request.lookup->collection));
  JsonPath path = ORTHANT_TRY(JsonPath::parse(request.group_by));
  const CollectionReader reader = ORTHANT_TRY(collection.reader());
  const ResolvedExamples examples = ORTHANT_TRY(inputs.resolve(request.query, reader));
  const std::vector<Group> groups = ORTHANT_TRY(GroupCall(reader, examples, request, std::move(path), context).run());
  GroupsResult result;
  result.tokens_by_model = inputs.tokens_by_model();
  for (const Group& group : groups) {
    auto hits = ORTHANT_TRY(points_of(reader, {group.hits, {}}, 0, request.query.payload, request.query.vectors));
    if (!hits.empty()) result.groups.push_back({group.id, std::move(hits), std::nullopt});
  }
  if (request.lookup) ORTHANT_TRY(look_up(engine, *request.lookup, result.groups));
  return result;
}

Result<std::vector<FacetHit>> count_values(const Collection& collection, const FacetRequest& request) {
  const CollectionReader reader = ORTHANT_TRY(collection.reader());
  const auto allowed = ORTHANT_TRY(reader.allowed_rows(request.filter ? &*request.filter : nullptr));
  std::vector<FacetHit> hits = ORTHANT_TRY(reader.facet(request.key, allowed ? allowed->rows : reader.live_rows()));
  std::ranges::sort(
      hits, [](const FacetHit& a, const FacetHit& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
  if (hits.size() > request.limit) hits.resize(request.limit);
  return hits;
}

// Of one row of the matrix.
std::vector<MatrixResult::Neighbour> nearest_of(Metric metric, std::span<const VectorValue> vectors, std::size_t row,
                                                std::size_t limit) {
  std::vector<MatrixResult::Neighbour> neighbours;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (i != row) neighbours.push_back({i, similarity(metric, vectors[row], vectors[i])});
  }
  const auto nearer = [](const auto& a, const auto& b) { return a.score != b.score ? a.score > b.score : a.position < b.position; };
  const std::size_t kept = std::min(limit, neighbours.size());
  std::ranges::partial_sort(neighbours, neighbours.begin() + static_cast<std::ptrdiff_t>(kept), nearer);
  neighbours.resize(kept);
  for (auto& neighbour : neighbours) neighbour.score = score_of_similarity(metric, neighbour.score);
  return neighbours;
}

Result<MatrixResult> make_matrix(const Collection& collection, const MatrixRequest& request, const RequestContext& context) {
  const CollectionReader reader = ORTHANT_TRY(collection.reader());
  const VectorConfig config = ORTHANT_TRY(reader.vector_config(request.vector_name));
  const Metric metric = config.kind == VectorKind::kSparse ? Metric::kDot : config.index.metric;
  Filter has_vector;
  has_vector.must.push_back(HasVector{request.vector_name});
  const std::optional<Filter> filter = merge_filters(request.filter, has_vector);
  const auto allowed = ORTHANT_TRY(reader.allowed_rows(&*filter));
  std::vector<Ordinal> rows = sample_rows(allowed->rows, request.sample);
  MatrixResult result;
  if (rows.size() < 2) return result;
  std::vector<PointId> ids(rows.size());
  ORTHANT_TRY(reader.visit_points(rows, [&](std::size_t i, const StoredPoint& point) -> Status {
    ids[i] = point.id;
    return {};
  }));
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return ids[a] < ids[b]; });
  auto stored = ORTHANT_TRY(reader.vectors(request.vector_name, rows));
  std::vector<VectorValue> vectors;
  for (const std::size_t i : order) {
    if (!stored[i]) continue;  // lost it meanwhile
    result.ids.push_back(ids[i]);
    vectors.push_back(*std::move(stored[i]));
  }
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    ORTHANT_TRY(check_wanted(context));
    result.neighbours.push_back(nearest_of(metric, vectors, i, request.limit));
  }
  return result;
}

// One call of Engine::query_groups on its way. Passed from thread to thread.
class GroupsCall : public std::enable_shared_from_this<GroupsCall> {
 public:
  GroupsCall(Engine::Impl& engine, std::shared_ptr<Collection> collection, GroupsRequest request, RequestContext context,
             Done<GroupsResult> done)
      : engine_(engine),
        collection_(std::move(collection)),
        request_(std::move(request)),
        context_(std::move(context)),
        done_(std::move(done)) {}

  void refuse(Error error) { done_(std::unexpected<Error>(std::move(error))); }

  void start() {
    inputs_ = std::make_shared<QueryInputs>(engine_, collection_);
    Status ready = check_wanted(context_);
    if (ready) ready = inputs_->add(request_.query, "query");
    if (!ready) return refuse(std::move(ready).error());
    if (!inputs_->has_texts()) return collect();
    inputs_->encode(context_, [self = shared_from_this()](Status encoded) {
      if (encoded) encoded = self->engine_.search_pool.submit_continuation([self] { self->collect(); });
      if (!encoded) self->refuse(std::move(encoded).error());
    });
  }

 private:
  void collect() {
    Result<GroupsResult> groups = collect_groups(engine_, *collection_, *inputs_, request_, context_);
    if (!groups && is_another_model_serving(groups.error()) && ++attempts_ < kQueryAttempts) return start();
    done_(std::move(groups));
  }

  Engine::Impl& engine_;
  const std::shared_ptr<Collection> collection_;
  const GroupsRequest request_;
  const RequestContext context_;
  Done<GroupsResult> done_;
  std::shared_ptr<QueryInputs> inputs_;
  unsigned attempts_ = 0;
};

}  // namespace

void Engine::query_groups(std::string collection, GroupsRequest request, RequestContext context, Done<GroupsResult> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  choose_text_queries(**found, request.query);
  auto call = std::make_shared<GroupsCall>(*impl_, *found, std::move(request), std::move(context), std::move(*admitted));
  Status queued = impl_->search_pool.submit([call] { call->start(); });
  if (!queued) call->refuse(std::move(queued).error());
}

void Engine::facet(std::string collection, FacetRequest request, RequestContext context, Done<std::vector<FacetHit>> done) {
  impl_->read<std::vector<FacetHit>>(
      std::move(collection), std::move(context), std::move(done),
      [request = std::move(request)](const Collection& found, const RequestContext&) { return count_values(found, request); });
}

void Engine::search_matrix(std::string collection, MatrixRequest request, RequestContext context, Done<MatrixResult> done) {
  impl_->read<MatrixResult>(std::move(collection), std::move(context), std::move(done),
                            [request = std::move(request)](const Collection& found, const RequestContext& wanted) {
                              return make_matrix(found, request, wanted);
                            });
}

}  // namespace orthant
