// Engine's reads that rank nothing: retrieve, scroll, count. The work runs on the search pool.

#include "engine/engine_impl.h"
#include "engine/query_inputs.h"
#include "engine/ranked_points.h"

namespace orthant {
namespace {

// Rows with several values come once for each.
Result<ScrollResult> scroll_ordered(const Collection& collection, const ScrollRequest& request) {
  const CollectionReader reader = ORTHANT_TRY(collection.reader());
  QueryStage stage;
  stage.query = *request.order_by;
  stage.filter = request.filter;
  const ResolvedExamples no_examples;
  StageRunner runner(reader, no_examples, [] { return Status(); });
  const RankedRows ranked = ORTHANT_TRY(runner.run(stage, {.limit = request.limit}));
  ScrollResult result;
  for (ScoredPoint& point : ORTHANT_TRY(points_of(reader, ranked, 0, request.payload, request.vectors))) {
    result.points.push_back(std::move(point.record));
  }
  return result;
}

}  // namespace

void Engine::retrieve(std::string collection, RetrieveRequest request, RequestContext context, Done<std::vector<Record>> done) {
  impl_->read<std::vector<Record>>(std::move(collection), std::move(context), std::move(done),
                                   [request = std::move(request)](const Collection& found, const RequestContext&) {
                                     return found.retrieve(request.ids, request.payload, request.vectors);
                                   });
}

void Engine::scroll(std::string collection, ScrollRequest request, RequestContext context, Done<ScrollResult> done) {
  impl_->read<ScrollResult>(std::move(collection), std::move(context), std::move(done),
                            [request = std::move(request)](const Collection& found, const RequestContext&) -> Result<ScrollResult> {
                              if (request.order_by) return scroll_ordered(found, request);
                              PointPage page = ORTHANT_TRY(found.scroll({.from = request.from,
                                                                         .filter = pointer_to(request.filter),
                                                                         .limit = request.limit,
                                                                         .offset = 0,
                                                                         .payload = request.payload,
                                                                         .vectors = request.vectors}));
                              return ScrollResult{std::move(page.points), page.next};
                            });
}

void Engine::count(std::string collection, std::optional<Filter> filter, RequestContext context, Done<std::uint64_t> done) {
  impl_->read<std::uint64_t>(
      std::move(collection), std::move(context), std::move(done),
      [filter = std::move(filter)](const Collection& found, const RequestContext&) { return found.count(pointer_to(filter)); });
}

}  // namespace orthant
