// How field indexes come to a collection that exists, and go. Everything here runs on the strand, but for the rounds of a build.

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/collection/collection_impl.h"

namespace orthant {
namespace {

// Rows and edits that are entered on the strand; more are entered in the background first.
constexpr std::size_t kShortRound = 2000;

bool is_part_of(const FieldSchemas& schemas, const FieldSchemas& whole) {
  return std::ranges::all_of(schemas, [&whole](const auto& field) {
    const auto found = whole.find(field.first);
    return found != whole.end() && found->second == field.second;
  });
}

}  // namespace

void Collection::Impl::when_fields_ready(std::move_only_function<void(Status)> done) {
  field_waiters_.push_back(std::move(done));
  update_fields();
}

void Collection::Impl::answer_field_waiters(const Status& result) {
  for (auto& waiter : std::exchange(field_waiters_, {})) waiter(result);
}

void Collection::Impl::update_fields() {
  const auto current = view();
  if (!current) return answer_field_waiters(std::unexpected<Error>(current.error()));
  const FieldSchemas wanted = record().config.field_indexes;
  const FieldSchemas present = (*current)->fields().schemas();
  for (const auto& [path, schema] : present) {
    const auto found = wanted.find(path);
    if (found != wanted.end() && found->second == schema) continue;
    (*current)->fields().remove(path);
    version.fetch_add(1, std::memory_order_release);
  }
  if (journal_ || field_journal_) return;  // their ends come here again
  FieldSchemas missing;
  std::ranges::copy_if(wanted, std::inserter(missing, missing.end()), [&present](const auto& field) {
    const auto found = present.find(field.first);
    return found == present.end() || !(found->second == field.second);
  });
  if (missing.empty()) return answer_field_waiters({});
  Result<FieldBuild> build = FieldBuild::make(std::move(missing), environment.background_pool, environment.stopping);
  if (!build) return answer_field_waiters(std::unexpected<Error>(build.error()));
  field_journal_.emplace();
  continue_field_build(std::make_shared<FieldBuild>(std::move(*build)), *current);
}

void Collection::Impl::continue_field_build(const std::shared_ptr<FieldBuild>& build, const std::shared_ptr<TableView>& target) {
  const auto current = view();
  if (!current) return end_field_build(std::unexpected<Error>(current.error()));
  const Ordinal rows = target->row_count();
  if (rows - build->rows_done() + field_journal_->size() <= kShortRound) {
    Status entered = build->run_round(target->table(), rows, std::exchange(*field_journal_, {}));
    if (entered && is_part_of(build->schemas(), record().config.field_indexes)) {
      std::move(*build).install(*target);
      version.fetch_add(1, std::memory_order_release);
    }
    return end_field_build(std::move(entered));
  }
  // Moment and journal are taken together: no write runs between these lines.
  auto round = [self = shared_from_this(), build, target, moment = target->table().frozen(), rows,
                edited = std::exchange(*field_journal_, {})]() mutable {
    Status entered = build->run_round(moment, rows, std::move(edited));
    Status queued = self->strand.submit_continuation([self, build, target, entered] {
      if (!entered) return self->end_field_build(entered);
      self->continue_field_build(build, target);
    });
    if (!queued)
      log_warning(fmt::format("collection {}: field indexes are left for the next start: {}", self->name, queued.error().message));
  };
  if (Status submitted = environment.background_pool.submit(std::move(round)); !submitted) end_field_build(submitted);
}

// A build that failed is tried again at the next start, or when an index is asked for the next time: filters work without.
void Collection::Impl::end_field_build(Status result) {
  field_journal_.reset();
  if (!result) {
    log_warning(fmt::format("collection {}: building field indexes: {}", name, result.error().message));
    answer_field_waiters(result);
  } else {
    update_fields();
  }
  if (!field_journal_ && rebuild_wanted_) {
    start_reclaim([this_name = name](Status reclaimed) {
      if (!reclaimed) log_warning(fmt::format("collection {}: rebuilding indexes: {}", this_name, reclaimed.error().message));
    });
  }
}

}  // namespace orthant
