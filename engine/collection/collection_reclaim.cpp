// How a reclaim (reclaim.h) runs beside the writer. start_reclaim, continue_reclaim, finish_reclaim and end_reclaim run on the
// strand.

#include "base/metrics.h"
#include "engine/collection/collection_impl.h"

namespace orthant {
namespace {

// Changes that are applied on the strand; more are copied in the background first.
constexpr std::size_t kShortRound = 2000;
constexpr const char* kNamesChanged = "reclaim: vector names have changed, it begins anew";

}  // namespace

void Collection::Impl::start_reclaim(ReclaimDone done) {
  start_reclaim(record(), {}, std::move(done));
}

void Collection::Impl::start_reclaim(CollectionRecord target, std::optional<ShadowSwitch> shadow_switch, ReclaimDone done) {
  if (journal_) return done(fail(ErrorCode::kUnavailable, "collection " + name + ": rows are being reclaimed already"));
  if (field_journal_) return done(fail(ErrorCode::kUnavailable, "collection " + name + ": field indexes are being built"));
  if (Status in_charge = check_in_charge(); !in_charge) return done(std::move(in_charge));
  if (const auto current = view(); !current) return done(std::unexpected<Error>(current.error()));
  journal_.emplace();
  rebuild_wanted_ = false;
  target.table = 0;
  continue_reclaim(
      std::make_shared<Reclaim>(environment.store, std::move(target), environment.index_path, &environment.background_pool,
                                environment.memory_budget, environment.stopping, shadow_switch),
      std::move(done));
}

void Collection::Impl::continue_reclaim(const std::shared_ptr<Reclaim>& reclaim, ReclaimDone done) {
  auto current = view();
  if (!current) return end_reclaim(std::unexpected<Error>(current.error()), done);
  if (reclaim->slot_names() != record().slot_names) {
    current->reset();
    return end_reclaim(fail(ErrorCode::kCancelled, kNamesChanged), done);
  }
  if (reclaim->view() && (*current)->row_count() - reclaim->rows_done() + journal_->size() <= kShortRound) {
    current->reset();  // the old table goes before `done` hears of it
    return end_reclaim(finish_reclaim(*reclaim), done);
  }
  // Moment and journal are taken together: no write runs between these lines.
  auto round = [self = shared_from_this(), reclaim, frozen = (*current)->table().frozen(), rows = (*current)->row_count(),
                journal = std::exchange(*journal_, {}), done] {
    Status copied = reclaim->run_round(frozen, rows, journal);
    Status queued = self->strand.submit_continuation([self, reclaim, copied, done] {
      if (!copied) return self->end_reclaim(copied, done);
      self->continue_reclaim(reclaim, done);
    });
    if (!queued) done(std::move(queued));  // the process is stopping; the new table goes with `reclaim`
  };
  if (Status submitted = environment.background_pool.submit(std::move(round)); !submitted) end_reclaim(submitted, done);
}

Status Collection::Impl::finish_reclaim(Reclaim& reclaim) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> old_view = ORTHANT_TRY(view());
  ORTHANT_TRY(reclaim.run_round(old_view->table(), old_view->row_count(), *journal_));
  // The configuration may have changed since the reclaim began.
  CollectionRecord switched = record();
  switched.table = reclaim.table();
  if (reclaim.shadow_switch()) ORTHANT_TRY(apply_switch(*reclaim.shadow_switch(), switched));
  StoreBatch batch(environment.store);
  put_collection(batch, name, switched);
  reclaim.view()->table().put_last_operation(batch, last_operation_);
  ORTHANT_TRY(environment.store.write(batch));
  reclaim.mark_switched();
  {
    std::lock_guard lock(state_mutex_);
    record_ = std::move(switched);
    view_ = reclaim.view();
  }
  version.fetch_add(1, std::memory_order_release);
  if (reclaim.shadow_switch()) forget_quality();
  old_view->retire();
  static Counter& reclaims = counter("orthant_reclaims_total", "Tables rewritten without their buried rows.");
  reclaims.add();
  return {};
}

void Collection::Impl::end_reclaim(Status result, const ReclaimDone& done) {
  journal_.reset();
  if (const auto current = view()) next_reclaim_at_ = result ? 0 : (*current)->buried_count() * 5 / 4;
  const bool again = rebuild_wanted_ && (result || result.error().message == kNamesChanged);
  done(std::move(result));
  update_fields();  // the new table has those of the configuration that the reclaim began with
  if (again && !field_journal_) start_reclaim([](const Status&) {});
}

}  // namespace orthant
