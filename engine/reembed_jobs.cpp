#include "engine/reembed_jobs.h"

#include <fmt/format.h>

#include "engine/engine_impl.h"
#include "engine/reembed_job.h"

namespace orthant {
namespace {

// Whether the vector can be re-embedded by the model at all.
Status check_vector(const VectorConfig& vector, const std::string& vector_name, const EncoderIdentity& target) {
  const bool whole_numbers = vector.index.form != VectorForm::kFloat32 || vector.datatype == VectorDatatype::kUint8;
  if (vector.kind != VectorKind::kSparse && whole_numbers) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("vector `{}`: vectors of ready codes or of whole numbers cannot be re-embedded", vector_name));
  }
  if (vector.reembedding && !same_encoder(vector.reembedding->encoder, target)) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("vector `{}` is being re-embedded by model `{}` already; cancel that first",
                                                       vector_name, vector.reembedding->encoder.model));
  }
  if (!vector.reembedding && vector.encoder && same_encoder(*vector.encoder, target)) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("vector `{}` was made by model `{}` already", vector_name, vector.encoder->model));
  }
  return {};
}

Status check_texts(const TextCounts& counts, const std::string& vector_name, bool drop_without_text) {
  if (counts.texts == 0) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("vector `{}`: no text is kept that could be encoded: {} points have the vector, all as ready vectors",
                            vector_name, counts.points_with_vector));
  }
  const std::uint64_t without = counts.points_with_vector - counts.texts;
  if (without == 0 || drop_without_text) return {};
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("vector `{}`: {} of {} points brought ready vectors, without a text that could be encoded. With "
                          "\"points_without_text\": \"drop\" they lose the vector",
                          vector_name, without, counts.points_with_vector));
}

}  // namespace

std::shared_ptr<void> StepsUnderWay::begin() {
  std::lock_guard lock(state_->mutex);
  if (state_->stopped) return nullptr;
  ++state_->steps;
  return {state_.get(), [state = state_](void*) {
            std::lock_guard ended(state->mutex);
            if (--state->steps == 0) state->done.notify_all();
          }};
}

void StepsUnderWay::stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  state_->done.wait(lock, [this] { return state_->steps == 0; });
}

void ReembedJobs::stop() {
  steps_.stop();
}

std::shared_ptr<ReembedJob> ReembedJobs::find(const Key& key) const {
  std::lock_guard lock(mutex_);
  const auto found = jobs_.find(key);
  return found == jobs_.end() ? nullptr : found->second;
}

void ReembedJobs::run(const std::shared_ptr<Collection>& collection, const std::string& vector_name) {
  auto job = std::make_shared<ReembedJob>(engine_, steps_, collection, vector_name);
  std::shared_ptr<ReembedJob> before;
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<ReembedJob>& place = jobs_[{collection->name(), vector_name}];
    before = std::exchange(place, job);
  }
  if (before) before->give_up();  // of a collection that was replaced
  job->start();
}

void ReembedJobs::resume(const std::shared_ptr<Collection>& collection) {
  for (const std::string& vector_name : collection->reembedded_vectors()) run(collection, vector_name);
}

void ReembedJobs::begin(const std::shared_ptr<Collection>& collection, ReembedRequest request, Done<ReembedProgress> done) {
  const Result<VectorConfig> vector = collection->vector_config(request.vector_name);
  if (!vector) return done(std::unexpected<Error>(vector.error()));
  const Result<TextModel> model = engine_.texts.find_named(request.model, vector->kind, request.vector_name);
  if (!model) return done(std::unexpected<Error>(model.error()));
  const EncoderIdentity target = identity_of(*model);
  if (Status fits = check_vector(*vector, request.vector_name, target); !fits) {
    return done(std::unexpected<Error>(std::move(fits).error()));
  }
  const std::shared_ptr<ReembedJob> known = find({collection->name(), request.vector_name});
  if (vector->reembedding && known && known->is_of(*collection)) {
    known->wake();
    return done(known->progress());
  }
  const Result<TextCounts> counts = collection->count_texts(request.vector_name);
  if (!counts) return done(std::unexpected<Error>(counts.error()));
  if (Status texts = check_texts(*counts, request.vector_name, request.drop_without_text); !texts) {
    return done(std::unexpected<Error>(std::move(texts).error()));
  }
  auto change = [request, target](CollectionConfig& config) -> Status {
    const auto found = config.vectors.find(request.vector_name);
    if (found == config.vectors.end()) return invalid_argument("Not existing vector name error: " + request.vector_name);
    ORTHANT_TRY(check_vector(found->second, request.vector_name, target));
    if (found->second.reembedding) return {};
    ++found->second.last_generation;
    found->second.reembedding = Reembedding{target, request.drop_without_text};
    return {};
  };
  auto shared = std::make_shared<Done<ReembedProgress>>(std::move(done));
  Status queued = collection->update_config(
      std::move(change),
      [this, collection, name = request.vector_name, shared](Status changed) {
        if (!changed) return (*shared)(std::unexpected<Error>(std::move(changed).error()));
        run(collection, name);
        (*shared)(progress(*collection, name));
      },
      false);
  if (!queued) (*shared)(std::unexpected<Error>(std::move(queued).error()));
}

void ReembedJobs::cancel(const std::shared_ptr<Collection>& collection, const std::string& vector_name, Done<bool> done) {
  const Result<VectorConfig> vector = collection->vector_config(vector_name);
  if (!vector) return done(std::unexpected<Error>(vector.error()));
  if (!vector->reembedding) return done(false);
  auto change = [vector_name](CollectionConfig& config) -> Status {
    if (const auto found = config.vectors.find(vector_name); found != config.vectors.end()) found->second.reembedding.reset();
    return {};
  };
  auto shared = std::make_shared<Done<bool>>(std::move(done));
  Status queued = collection->update_config(
      std::move(change),
      [this, collection, vector_name, shared](Status changed) {
        if (!changed) return (*shared)(std::unexpected<Error>(std::move(changed).error()));
        if (const auto job = find({collection->name(), vector_name})) job->give_up();
        (*shared)(true);
      },
      false);
  if (!queued) (*shared)(std::unexpected<Error>(std::move(queued).error()));
}

ReembedProgress ReembedJobs::progress(const Collection& collection, const std::string& vector_name) const {
  const std::shared_ptr<ReembedJob> job = find({collection.name(), vector_name});
  if (job && job->is_of(collection)) return job->progress();
  ReembedProgress progress;
  const Result<VectorConfig> config = collection.vector_config(vector_name);
  if (config && config->encoder) progress.model = config->encoder->model;
  return progress;
}

std::map<std::string, ReembedProgress> ReembedJobs::progress_of(const Collection& collection) const {
  std::map<std::string, ReembedProgress> all;
  std::lock_guard lock(mutex_);
  for (const auto& [key, job] : jobs_) {
    if (job->is_of(collection)) all.emplace(key.second, job->progress());
  }
  return all;
}

// ---- the door ----

void Engine::reembed(std::string collection, ReembedRequest request, Done<ReembedProgress> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  auto shared = std::make_shared<Done<ReembedProgress>>(std::move(*admitted));
  Status queued = impl_->background_pool.submit([this, collection = *found, request = std::move(request), shared]() mutable {
    impl_->reembed_jobs.begin(collection, std::move(request),
                              [shared](Result<ReembedProgress> begun) { (*shared)(std::move(begun)); });
  });
  if (!queued) (*shared)(std::unexpected<Error>(std::move(queued).error()));
}

Result<ReembedProgress> Engine::reembed_progress(std::string_view collection, std::string_view vector_name) const {
  const std::shared_ptr<Collection> found = ORTHANT_TRY(impl_->find(collection));
  ORTHANT_TRY(found->vector_config(vector_name));
  return impl_->reembed_jobs.progress(*found, std::string(vector_name));
}

void Engine::cancel_reembed(std::string collection, std::string vector_name, Done<bool> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  impl_->reembed_jobs.cancel(*found, vector_name, std::move(*admitted));
}

void Engine::bulk_progress(std::string collection, std::string operation, Done<std::optional<BulkProgress>> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<std::optional<BulkProgress>>(
      impl_->write_pool, std::move(*admitted),
      [this, collection = std::move(collection), operation = std::move(operation)]() -> Result<std::optional<BulkProgress>> {
        return ORTHANT_TRY(impl_->find(collection))->bulk_progress(operation);
      });
}

void Engine::bulk_operations(std::string collection, Done<std::map<std::string, BulkProgress>> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<std::map<std::string, BulkProgress>>(
      impl_->write_pool, std::move(*admitted),
      [this, collection = std::move(collection)]() -> Result<std::map<std::string, BulkProgress>> {
        return ORTHANT_TRY(impl_->find(collection))->bulk_operations();
      });
}

}  // namespace orthant
