// Engine::write: requests to WriteOps. Vectors are checked and texts encoded before anything is queued, so a bad request changes
// nothing; then the operations go to the collection's writer in order.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/collection/shadow_vectors.h"
#include "engine/engine_impl.h"

namespace orthant {
namespace {

// Where an encoded text belongs.
struct TextPlace {
  std::shared_ptr<const VectorConfig> config;  // of the vector, as it was when the text was looked at
  std::size_t operation = 0;
  std::size_t point = 0;   // position in the prepared points
  std::size_t vector = 0;  // position in the prepared point
};

// The points of one operation, checked. `positions` leads back to the request.
struct PreparedPoints {
  std::vector<PreparedPoint> points;
  std::vector<std::size_t> positions;
};

// An answer that is given once, by whoever is first.
class AnswerOnce {
 public:
  explicit AnswerOnce(Done<std::vector<WriteResult>> done) : done_(std::move(done)) {}
  void operator()(Result<std::vector<WriteResult>> result) {
    if (!given_.exchange(true)) done_(std::move(result));
  }

 private:
  std::atomic<bool> given_{false};
  Done<std::vector<WriteResult>> done_;
};

const std::vector<PointInput>* points_of(const WriteRequest& request) {
  if (const auto* upsert = std::get_if<UpsertRequest>(&request)) return &upsert->points;
  if (const auto* update = std::get_if<UpdateVectors>(&request)) return &update->points;
  return nullptr;
}

bool skips_invalid(const WriteRequest& request) {
  const auto* upsert = std::get_if<UpsertRequest>(&request);
  return upsert != nullptr && upsert->skip_invalid;
}

bool refuses_truncation(const WriteRequest& request) {
  const auto* upsert = std::get_if<UpsertRequest>(&request);
  return upsert != nullptr && upsert->refuse_truncation;
}

// "points[3].vector.text", the way to a field of the request for messages.
std::string text_field(std::size_t position, std::string_view vector_name) {
  if (vector_name.empty()) return fmt::format("points[{}].vector.text", position);
  return fmt::format("points[{}].vector.{}.text", position, vector_name);
}

// With the points that were refused among the rejected lines.
BulkPart bulk_part_of(const BulkPart& part, const WriteResult& result) {
  BulkPart left = part;
  left.point_lines.clear();
  for (std::size_t position = 0; position < part.point_lines.size(); ++position) {
    const bool rejected = std::ranges::find(result.rejected, position, &RejectedPoint::position) != result.rejected.end();
    (rejected ? left.rejected_lines : left.point_lines).push_back(part.point_lines[position]);
  }
  return left;
}

// One call of Engine::write on its way. Passed from thread to thread, used by one at a time.
class WriteCall : public std::enable_shared_from_this<WriteCall> {
 public:
  WriteCall(Engine::Impl& engine, std::shared_ptr<Collection> collection, std::vector<WriteRequest> requests, WriteOptions options,
            RequestContext context, Done<std::vector<WriteResult>> done)
      : engine_(engine),
        collection_(std::move(collection)),
        requests_(std::move(requests)),
        options_(options),
        context_(std::move(context)),
        answer_(std::make_shared<AnswerOnce>(std::move(done))),
        results_(requests_.size()),
        prepared_(requests_.size()) {}

  const std::shared_ptr<AnswerOnce>& answer() const { return answer_; }
  void start();

 private:
  Status prepare_all();
  Status prepare_operation(std::size_t operation);
  // A text of a point, and which vector of the point waits for it.
  struct PointText {
    TextJob job;
    std::shared_ptr<const VectorConfig> config;
    std::size_t vector = 0;
  };
  Result<PreparedPoint> prepare_point(const PointInput& input, std::size_t position, std::vector<PointText>& texts);
  Status prepare_text(const TextInput& input, const std::string& vector_name, std::size_t position, PreparedPoint& point,
                      std::vector<PointText>& texts);
  Status check_comes_with_text(const std::string& vector_name) const;
  Result<std::shared_ptr<const VectorConfig>> config_of(const std::string& vector_name);
  Result<PreparedVector> prepare_encoded(const TextPlace& place, const PreparedVector& vector, const VectorValue& value) const;
  Status take_texts(EncodedTexts encoded);
  Result<std::map<std::string, EncoderIdentity>> new_encoders() const;
  void record_encoders();
  void queue();
  Result<WriteOp> make_op(std::size_t operation);
  void finish(Result<std::vector<std::uint64_t>> operation_ids);
  void reject(std::size_t operation, std::size_t position, Error error) {
    results_[operation].rejected.push_back({position, std::move(error)});
  }

  Engine::Impl& engine_;
  const std::shared_ptr<Collection> collection_;
  std::vector<WriteRequest> requests_;
  const WriteOptions options_;
  const RequestContext context_;
  const std::shared_ptr<AnswerOnce> answer_;
  std::vector<WriteResult> results_;
  std::vector<PreparedPoints> prepared_;  // by operation
  std::vector<TextJob> jobs_;
  std::vector<TextPlace> places_;                                       // of jobs_
  std::map<std::string, std::shared_ptr<const VectorConfig>> configs_;  // of vectors that texts came for
  const std::vector<std::string> reembedded_ = collection_->reembedded_vectors();
};

void WriteCall::start() {
  Status ready = check_wanted(context_);
  if (ready) ready = prepare_all();
  if (!ready) return (*answer_)(std::unexpected<Error>(std::move(ready).error()));
  if (jobs_.empty()) return queue();
  // The texts themselves are kept with the points.
  std::vector<TextJob> jobs = jobs_;
  engine_.texts.encode(
      std::move(jobs),
      {.purpose = Purpose::kDocument, .bulk = options_.bulk, .deadline = context_.deadline, .cancelled = context_.cancelled},
      [self = shared_from_this()](Result<EncodedTexts> encoded) mutable {
        if (!encoded) return (*self->answer_)(std::unexpected<Error>(std::move(encoded).error()));
        // Off the encode pool: its threads have texts to encode.
        auto next = [self, encoded = std::move(*encoded)]() mutable {
          Status taken = self->take_texts(std::move(encoded));
          if (!taken) return (*self->answer_)(std::unexpected<Error>(std::move(taken).error()));
          self->record_encoders();
        };
        Status queued = self->engine_.request_pool.submit_continuation(std::move(next));
        if (!queued) (*self->answer_)(std::unexpected<Error>(std::move(queued).error()));
      });
}

Status WriteCall::prepare_all() {
  for (std::size_t operation = 0; operation < requests_.size(); ++operation) {
    Status prepared = prepare_operation(operation);
    if (!prepared && requests_.size() > 1)
      return with_context(fmt::format("operations[{}]", operation), std::move(prepared).error());
    ORTHANT_TRY(std::move(prepared));
  }
  return {};
}

Status WriteCall::prepare_operation(std::size_t operation) {
  const auto* deletion = std::get_if<DeleteVectors>(&requests_[operation]);
  for (std::size_t i = 0; deletion != nullptr && i < deletion->names.size(); ++i) {
    ORTHANT_TRY(collection_->slot_of(deletion->names[i]));
  }
  const std::vector<PointInput>* inputs = points_of(requests_[operation]);
  if (inputs == nullptr) return {};
  PreparedPoints& prepared = prepared_[operation];
  for (std::size_t position = 0; position < inputs->size(); ++position) {
    std::vector<PointText> texts;
    Result<PreparedPoint> point = prepare_point((*inputs)[position], position, texts);
    if (!point) {
      if (!skips_invalid(requests_[operation])) return std::unexpected<Error>(std::move(point).error());
      reject(operation, position, std::move(point).error());
      continue;
    }
    for (PointText& text : texts) {
      jobs_.push_back(std::move(text.job));
      places_.push_back({std::move(text.config), operation, prepared.points.size(), text.vector});
    }
    prepared.points.push_back(std::move(*point));
    prepared.positions.push_back(position);
  }
  return {};
}

Result<PreparedPoint> WriteCall::prepare_point(const PointInput& input, std::size_t position, std::vector<PointText>& texts) {
  PreparedPoint point{.id = input.id, .vectors = {}, .payload = input.payload};
  for (auto given = input.vectors.begin(); given != input.vectors.end(); ++given) {
    const auto& [name, value] = *given;
    // The same name again further on replaces this one.
    if (std::any_of(given + 1, input.vectors.end(), [given](const auto& later) { return later.first == given->first; })) continue;
    const auto* list = std::get_if<std::vector<float>>(&value);
    if (name.empty() && list != nullptr && list->empty() && !collection_->slot_of(name)) continue;  // stands for no vector at all
    if (const auto* text = std::get_if<TextInput>(&value)) {
      ORTHANT_TRY(prepare_text(*text, name, position, point, texts));
      continue;
    }
    ORTHANT_TRY(check_comes_with_text(name));
    if (const std::optional<VectorValue> ready = ready_value(value)) {
      point.vectors.push_back(ORTHANT_TRY(collection_->prepare(name, *ready)));
    } else {
      point.vectors.push_back(ORTHANT_TRY(collection_->prepare_codes(name, std::get<CodeInput>(value).bytes)));
    }
  }
  return point;
}

// A ready vector could not be made anew by the model that is to take over.
Status WriteCall::check_comes_with_text(const std::string& vector_name) const {
  if (std::ranges::find(reembedded_, vector_name) == reembedded_.end()) return {};
  const VectorConfig vector = ORTHANT_TRY(collection_->vector_config(vector_name));
  if (!vector.reembedding || vector.reembedding->drop_without_text) return {};
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("vector `{}` is being re-embedded by model `{}`: points have to bring its text, not ready vectors",
                          vector_name, vector.reembedding->encoder.model));
}

Result<std::shared_ptr<const VectorConfig>> WriteCall::config_of(const std::string& vector_name) {
  std::shared_ptr<const VectorConfig>& known = configs_[vector_name];
  if (!known) known = std::make_shared<const VectorConfig>(ORTHANT_TRY(collection_->vector_config(vector_name)));
  return known;
}

// While another model is to take over, it encodes the text too: the shadow stands behind the vector.
Status WriteCall::prepare_text(const TextInput& input, const std::string& vector_name, std::size_t position, PreparedPoint& point,
                               std::vector<PointText>& texts) {
  const std::shared_ptr<const VectorConfig> config = ORTHANT_TRY(config_of(vector_name));
  if (input.text.empty()) return invalid_argument(text_field(position, vector_name) + ": empty");
  const Slot slot = ORTHANT_TRY(collection_->slot_of(vector_name));
  texts.push_back({{ORTHANT_TRY(engine_.texts.choose(input, vector_name, *config)), input.text}, config, point.vectors.size()});
  point.vectors.push_back({.slot = slot, .bytes = {}, .source_text = input.text, .generation = config->generation});
  if (!config->reembedding) return {};
  const std::optional<TextModel> other = engine_.texts.find_model(config->reembedding->encoder, config->kind);
  if (!other) return {};  // not loaded: the text waits with those that are there
  texts.push_back({{*other, input.text}, config, point.vectors.size()});
  point.vectors.push_back({.slot = shadow_of(slot), .bytes = {}, .source_text = {}, .generation = config->last_generation});
  return {};
}

// For the configuration that the text was looked at under: should another model have taken over since, the writer knows what to do.
Result<PreparedVector> WriteCall::prepare_encoded(const TextPlace& place, const PreparedVector& vector,
                                                  const VectorValue& value) const {
  PreparedVector prepared = vector;
  if (is_shadow(vector.slot)) {
    prepared.bytes = ORTHANT_TRY(stored_embedding(*place.config, place.config->reembedding->encoder.dim, value));
    return prepared;
  }
  const std::string name = collection_->slot_name(vector.slot);
  auto usual = collection_->prepare(name, value);
  if (usual && usual->generation == vector.generation) {
    prepared.bytes = std::move(usual->bytes);
    return prepared;
  }
  if (!usual && ORTHANT_TRY(collection_->vector_config(name)).generation == vector.generation) return usual;
  prepared.bytes = ORTHANT_TRY(stored_embedding(*place.config, place.config->index.dim, value));
  return prepared;
}

Status WriteCall::take_texts(EncodedTexts encoded) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const TextPlace& place = places_[i];
    PreparedPoints& prepared = prepared_[place.operation];
    const std::size_t position = prepared.positions[place.point];
    PreparedVector& vector = prepared.points[place.point].vectors[place.vector];
    if (encoded.truncated[i] && !is_shadow(vector.slot)) {
      const std::string name = collection_->slot_name(vector.slot);
      if (refuses_truncation(requests_[place.operation])) {
        Error error{ErrorCode::kInvalidArgument,
                    fmt::format("{}: longer than the {} tokens that model `{}` takes", text_field(position, name),
                                max_tokens(jobs_[i].model), model_name(jobs_[i].model))};
        if (!skips_invalid(requests_[place.operation])) return std::unexpected<Error>(std::move(error));
        reject(place.operation, position, std::move(error));
        continue;
      }
      results_[place.operation].truncated.push_back(position);
    }
    vector = ORTHANT_TRY(prepare_encoded(place, vector, encoded.vectors[i]));
  }
  if (!results_.empty()) results_.front().tokens_by_model = std::move(encoded.tokens_by_model);
  return {};
}

Result<std::map<std::string, EncoderIdentity>> WriteCall::new_encoders() const {
  std::map<std::string, EncoderIdentity> identities;
  const CollectionConfig config = collection_->config();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const TextPlace& place = places_[i];
    const Slot slot = prepared_[place.operation].points[place.point].vectors[place.vector].slot;
    if (is_shadow(slot)) continue;
    const std::string name = collection_->slot_name(slot);
    const auto config_of = config.vectors.find(name);
    if (config_of == config.vectors.end() || config_of->second.encoder) continue;
    const EncoderIdentity identity = identity_of(jobs_[i].model);
    const auto [known, is_new] = identities.emplace(name, identity);
    if (!is_new && !same_encoder(known->second, identity)) {
      return fail(ErrorCode::kFailedPrecondition, fmt::format("vector `{}`: texts of one request name models `{}` and `{}`", name,
                                                              known->second.model, identity.model));
    }
  }
  return identities;
}

// The first text that comes to a vector fixes its encoder: that is on disk before the write is queued.
void WriteCall::record_encoders() {
  auto identities = new_encoders();
  if (!identities) return (*answer_)(std::unexpected<Error>(std::move(identities).error()));
  if (identities->empty()) return queue();
  auto change = [identities = std::move(*identities)](CollectionConfig& changed) -> Status {
    for (const auto& [name, identity] : identities) {
      std::optional<EncoderIdentity>& recorded = changed.vectors.at(name).encoder;
      // Another request may have been first.
      if (recorded && !same_encoder(*recorded, identity)) {
        return fail(ErrorCode::kFailedPrecondition,
                    fmt::format("vector `{}` was made by model `{}`, and `{}` makes others: {}", name, recorded->model,
                                identity.model, encoder_difference(*recorded, identity)));
      }
      if (!recorded) recorded = identity;
    }
    return {};
  };
  Status queued = collection_->update_config(std::move(change), [self = shared_from_this()](Status recorded) {
    if (!recorded) return (*self->answer_)(std::unexpected<Error>(std::move(recorded).error()));
    self->queue();
  });
  if (!queued) (*answer_)(std::unexpected<Error>(std::move(queued).error()));
}

Result<WriteOp> WriteCall::make_op(std::size_t operation) {
  struct Maker {
    WriteCall& call;
    std::size_t operation;

    std::vector<Slot> slots(const std::vector<std::string>& names) const {
      std::vector<Slot> found;
      for (const std::string& name : names) found.push_back(*call.collection_->slot_of(name));  // checked before
      return found;
    }
    WriteOp operator()(UpsertRequest& request) const {
      return UpsertOp{std::move(call.prepared_[operation].points), request.mode, std::move(request.update_filter)};
    }
    WriteOp operator()(UpdateVectors& request) const {
      return UpdateVectorsOp{std::move(call.prepared_[operation].points), std::move(request.update_filter)};
    }
    WriteOp operator()(DeletePoints& request) const { return DeletePointsOp{std::move(request.points)}; }
    WriteOp operator()(DeleteVectors& request) const { return DeleteVectorsOp{std::move(request.points), slots(request.names)}; }
    WriteOp operator()(SetPayload& request) const {
      return EditPayloadOp{std::move(request.points), PayloadEdit::kSet, std::move(request.payload), std::move(request.key), {}};
    }
    WriteOp operator()(OverwritePayload& request) const {
      return EditPayloadOp{std::move(request.points), PayloadEdit::kOverwrite, std::move(request.payload), {}, {}};
    }
    WriteOp operator()(DeletePayload& request) const {
      return EditPayloadOp{std::move(request.points), PayloadEdit::kDelete, {}, {}, std::move(request.keys)};
    }
    WriteOp operator()(ClearPayload& request) const {
      return EditPayloadOp{std::move(request.points), PayloadEdit::kClear, {}, {}, {}};
    }
  };
  return std::visit(Maker{*this, operation}, requests_[operation]);
}

void WriteCall::queue() {
  WriteCommand command;
  command.wait_for_sync = options_.wait;
  command.admit = [context = context_] { return check_wanted(context); };
  for (std::size_t operation = 0; operation < requests_.size(); ++operation) {
    PreparedPoints& prepared = prepared_[operation];
    const auto& rejected = results_[operation].rejected;
    // Points refused after their text was encoded.
    std::size_t i = 0;
    std::erase_if(prepared.points, [&](const PreparedPoint&) {
      const std::size_t position = prepared.positions[i++];
      return std::ranges::find(rejected, position, &RejectedPoint::position) != rejected.end();
    });
    if (auto* upsert = std::get_if<UpsertRequest>(&requests_[operation]); upsert != nullptr && upsert->bulk_part) {
      command.bulk_part = bulk_part_of(*upsert->bulk_part, results_[operation]);
    }
    Result<WriteOp> op = make_op(operation);
    if (!op) return (*answer_)(std::unexpected<Error>(std::move(op).error()));
    command.ops.push_back(std::move(*op));
  }
  Status queued = collection_->write(
      std::move(command),
      [self = shared_from_this()](Result<std::vector<std::uint64_t>> operation_ids) { self->finish(std::move(operation_ids)); });
  if (!queued) (*answer_)(std::unexpected<Error>(std::move(queued).error()));
}

void WriteCall::finish(Result<std::vector<std::uint64_t>> operation_ids) {
  if (!operation_ids) return (*answer_)(std::unexpected<Error>(std::move(operation_ids).error()));
  for (std::size_t operation = 0; operation < results_.size(); ++operation) {
    WriteResult& result = results_[operation];
    result.operation_id = (*operation_ids)[operation];
    result.status = options_.wait ? WriteStatus::kCompleted : WriteStatus::kAcknowledged;
    std::ranges::sort(result.truncated);
    result.truncated.erase(std::unique(result.truncated.begin(), result.truncated.end()), result.truncated.end());
    std::ranges::sort(result.rejected, {}, &RejectedPoint::position);
  }
  (*answer_)(std::move(results_));
}

}  // namespace

void Engine::write(std::string collection, std::vector<WriteRequest> operations, WriteOptions options, RequestContext context,
                   Done<std::vector<WriteResult>> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto found = impl_->find(collection);
  if (!found) return (*admitted)(std::unexpected<Error>(found.error()));
  const std::size_t count = operations.size();
  auto call = std::make_shared<WriteCall>(*impl_, *found, std::move(operations), options, std::move(context), std::move(*admitted));
  if (options.wait && options.timeout) {
    // The write goes on; only the waiting ends.
    impl_->delayed.run_at(DelayedTasks::Clock::now() + *options.timeout, [answer = call->answer(), count] {
      std::vector<WriteResult> results(count);
      for (WriteResult& result : results) result.status = WriteStatus::kWaitTimeout;
      (*answer)(std::move(results));
    });
  }
  Status queued = impl_->request_pool.submit([call] { call->start(); });
  if (!queued) (*call->answer())(std::unexpected<Error>(std::move(queued).error()));
}

}  // namespace orthant
