// Measuring how well the searches of a collection do.

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"
#include "engine/collection/code_values.h"
#include "engine/collection/collection_impl.h"

namespace orthant {

// ---- QualityFlights ----

QualityFlights::Answer QualityFlights::kept(Slot slot) const {
  const std::lock_guard lock(mutex_);
  const auto found = flights_.find(slot);
  return found == flights_.end() ? nullptr : found->second.last;
}

bool QualityFlights::wait(Slot slot, Done done) {
  const std::lock_guard lock(mutex_);
  Flight& flight = flights_[slot];
  flight.waiting.push_back(std::move(done));
  return !std::exchange(flight.under_way, true);
}

void QualityFlights::finish(Slot slot, Result<Answer> result) {
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    Flight& flight = flights_[slot];
    flight.under_way = false;
    waiting.swap(flight.waiting);
    if (result) flight.last = *result;
  }
  for (Done& done : waiting) done(result);
}

bool QualityFlights::begin_ranking() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(ranking_, true);
}

void QualityFlights::end_ranking() {
  const std::lock_guard lock(mutex_);
  ranking_ = false;
}

// ---- one measurement ----

namespace {

// What a measurement reads, held until it is done.
struct Run {
  std::shared_ptr<const TableView> view;
  std::shared_ptr<VectorIndex> index;
  std::unique_ptr<QualityMeasurement> measurement;
};

using RunDone = std::move_only_function<void(Result<IndexQuality>)>;

// The next piece, then the next behind what waits in the pool by then.
void advance(const CollectionEnvironment& environment, const std::shared_ptr<Run>& run, RunDone done) {
  if (environment.stopping.load(std::memory_order_relaxed)) return done(fail(ErrorCode::kUnavailable, "shutting down"));
  Result<bool> finished = run->measurement->advance();
  if (!finished) return done(std::unexpected<Error>(std::move(finished).error()));
  if (*finished) return done(run->measurement->take());
  auto shared = std::make_shared<RunDone>(std::move(done));
  Status queued =
      environment.search_pool.submit_continuation([&environment, run, shared] { advance(environment, run, std::move(*shared)); });
  if (!queued) (*shared)(std::unexpected<Error>(std::move(queued).error()));
}

Result<std::shared_ptr<Run>> start(std::shared_ptr<const TableView> view, Slot slot, QualityRequest request) {
  auto run = std::make_shared<Run>();
  run->index = view->index(slot);
  if (!run->index) return invalid_argument("quality is measured of dense vectors only: this one is sparse or a multivector");
  run->view = std::move(view);
  run->measurement = ORTHANT_TRY(run->index->measure_quality(std::move(request)));
  return run;
}

bool is_outdated(const IndexQuality& quality, const VectorIndex* present) {
  if (present == nullptr) return true;
  const VectorIndex& index = *present;
  const std::size_t rows = index.row_count();
  return rows >= 2 * quality.rows || 2 * rows <= quality.rows || index.structure() != quality.structure ||
         index.quantizer_name() != quality.codes.quantizer;
}

}  // namespace

// ---- the door ----

void Collection::measure_quality(const QualityAsk& ask, std::move_only_function<void(Result<QualityAnswer>)> done) const {
  const Result<Slot> slot = impl_->slot_of(ask.vector_name);
  const Result<std::shared_ptr<TableView>> view = slot ? impl_->view() : std::unexpected<Error>(slot.error());
  if (!view) return done(std::unexpected<Error>(view.error()));
  const auto kept = impl_->quality.kept(*slot);
  if (kept && !ask.refresh && (ask.sampled_rows == 0 || ask.sampled_rows == kept->sampled_rows)) {
    return done(QualityAnswer{kept, true, is_outdated(kept->index, (*view)->index(*slot).get())});
  }
  auto answer = [done = std::move(done)](Result<QualityFlights::Answer> result) mutable {
    if (!result) return done(std::unexpected<Error>(result.error()));
    done(QualityAnswer{*result, false, false});
  };
  if (!impl_->quality.wait(*slot, std::move(answer))) return;
  QualityRequest request;
  if (ask.sampled_rows != 0) request.sampled_rows = ask.sampled_rows;
  impl_->start_quality(*view, *slot, std::move(request));
}

// Gauges hold whole numbers.
Gauge& Collection::Impl::recall_gauge(Slot slot) const {
  return gauge("collection_measured_recall_ppm", "Recall@10 of searches against exact search as last measured, in millionths",
               fmt::format("id=\"{}\",vector=\"{}\"", escape_label(name), escape_label(slot_name(slot))));
}

// Gauges live as long as the process.
void Collection::Impl::forget_quality() const {
  const std::size_t slots = record().slot_names.size();
  for (Slot slot = 0; slot < slots; ++slot) {
    if (quality.kept(slot)) recall_gauge(slot).set(0);
  }
}

void Collection::Impl::start_quality(std::shared_ptr<const TableView> current, Slot slot, QualityRequest request) {
  const std::size_t sampled_rows = request.sampled_rows;
  Status queued = environment.search_pool.submit(
      [self = shared_from_this(), current, slot, request = std::move(request), sampled_rows]() mutable {
        auto run = start(current, slot, std::move(request));
        if (!run) return self->quality.finish(slot, std::unexpected<Error>(run.error()));
        advance(self->environment, *run, [self, current, slot, sampled_rows](Result<IndexQuality> measured) {
          if (!measured) return self->quality.finish(slot, std::unexpected<Error>(measured.error()));
          auto result = std::make_shared<MeasuredQuality>();
          result->store_bytes_per_row = vector_bytes(measured->config.form, measured->config.dim);
          result->index = std::move(*measured);
          result->sampled_rows = sampled_rows;
          result->measured_at = std::chrono::system_clock::now();
          if (result->index.served) self->recall_gauge(slot).set(std::llround(result->index.served->recall * 1e6));
          self->quality.finish(slot, QualityFlights::Answer(std::move(result)));
        });
      });
  if (!queued) quality.finish(slot, std::unexpected<Error>(std::move(queued).error()));
}

void Collection::rank_queries(std::string_view vector_name, std::vector<float> queries, std::vector<PointId> points,
                              std::move_only_function<void(Result<RankedQueries>)> done) const {
  const Result<Slot> slot = impl_->slot_of(vector_name);
  const Result<std::shared_ptr<TableView>> view = slot ? impl_->view() : std::unexpected<Error>(slot.error());
  if (!view) return done(std::unexpected<Error>(view.error()));
  if (!impl_->quality.begin_ranking()) {
    return done(fail(ErrorCode::kResourceExhausted, "queries of another request are being ranked"));
  }
  auto shared = std::make_shared<std::move_only_function<void(Result<RankedQueries>)>>(
      [impl = impl_, done = std::move(done)](Result<RankedQueries> ranked) mutable {
        impl->quality.end_ranking();
        done(std::move(ranked));
      });
  Status queued = impl_->environment.search_pool.submit(
      [impl = impl_, view = *view, slot = *slot, shared, queries = std::move(queries), points = std::move(points)]() mutable {
        auto run = start(view, slot, {.given_queries = std::move(queries)});
        if (!run) return (*shared)(std::unexpected<Error>(run.error()));
        auto ordinals = view->table().find(points);
        if (!ordinals) return (*shared)(std::unexpected<Error>(ordinals.error()));
        advance(impl->environment, *run, [shared, ordinals = std::move(*ordinals)](Result<IndexQuality> measured) mutable {
          if (!measured) return (*shared)(std::unexpected<Error>(measured.error()));
          (*shared)(RankedQueries{std::move(*measured), std::move(ordinals)});
        });
      });
  if (!queued) (*shared)(std::unexpected<Error>(std::move(queued).error()));
}

}  // namespace orthant
