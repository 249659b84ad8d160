#include "engine/query_inputs.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/float_values.h"
#include "engine/collection/stage_timer.h"

namespace orthant {
namespace {

Status check_finite(const VectorValue& vector) {
  if (all_finite(values_of(vector))) return {};
  return invalid_argument("query vector: holds NaN or infinity");
}

}  // namespace

Result<std::shared_ptr<Collection>> lookup_collection(const Engine::Impl& engine, const std::string& name) {
  auto found = engine.find(name);
  if (!found && found.error().code == ErrorCode::kNotFound) return not_found(fmt::format("Collection {} not found", name));
  return found;
}

void choose_text_queries(const Collection& collection, QueryStage& root) {
  for (QueryStage& prefetch : root.prefetch) choose_text_queries(collection, prefetch);
  const auto* input = std::get_if<VectorInput>(&root.query);
  const auto* text = input == nullptr ? nullptr : std::get_if<TextInput>(input);
  if (text == nullptr || !text->model.empty()) return;
  const CollectionConfig config = collection.config();
  const auto field = config.field_indexes.find(root.vector_name);
  const bool scores = field != config.field_indexes.end() && field->second.type == FieldType::kText && field->second.text.scoring;
  if (scores || !config.vectors.contains(root.vector_name)) root.query = TextScoreQuery{.text = std::string(text->text)};
}

Status QueryInputs::add(const QueryStage& root, const std::string& where) {
  Status status;
  visit_stages(root, [&](const QueryStage& stage) {
    visit_examples(stage, [&](const auto& given) {
      if constexpr (std::is_same_v<decltype(given), const VectorInput&>) {
        const auto* text = std::get_if<TextInput>(&given);
        if (text == nullptr || !status) return;
        status = [&]() -> Status {
          if (text->text.empty()) return invalid_argument(where + ".text: empty");
          const VectorConfig vector = ORTHANT_TRY(collection_->vector_config(stage.vector_name));
          jobs_.push_back({ORTHANT_TRY(engine_.texts.choose(*text, stage.vector_name, vector)), text->text});
          inputs_.push_back(&given);
          models_.push_back(model_name(jobs_.back().model));
          generations_.push_back(vector.generation);
          return {};
        }();
      }
    });
  });
  return status;
}

void QueryInputs::encode(const RequestContext& context, std::move_only_function<void(Status)> done) {
  engine_.texts.encode(std::move(jobs_), {.purpose = Purpose::kQuery, .deadline = context.deadline, .cancelled = context.cancelled},
                       [self = shared_from_this(), done = std::move(done),
                        timer = StageTimer(TimedStage::kEncode)](Result<EncodedTexts> encoded) mutable {
                         if (!encoded) return done(std::unexpected<Error>(std::move(encoded).error()));
                         self->take(std::move(*encoded), timer.stop());
                         done({});
                       });
}

void QueryInputs::take(EncodedTexts texts, double microseconds) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    encoded_[inputs_[i]] = {
        std::move(texts.vectors[i]), models_[i], texts.truncated[i], texts.cached[i], microseconds, generations_[i]};
  }
  tokens_by_model_ = std::move(texts.tokens_by_model);
}

const QueryInputs::Encoded* QueryInputs::encoded(const VectorInput& input) const {
  const auto found = encoded_.find(&input);
  return found == encoded_.end() ? nullptr : &found->second;
}

std::optional<VectorValue> QueryInputs::value_of(const VectorInput& input) const {
  if (auto ready = ready_value(input)) return ready;
  if (const Encoded* text = encoded(input)) return text->vector;
  return std::nullopt;
}

Result<ResolvedExamples> QueryInputs::resolve(const QueryStage& root, const CollectionReader& reader) const {
  ResolvedExamples resolved;
  Status status;
  visit_stages(root, [&](const QueryStage& stage) {
    if (status) status = resolve_stage(stage, reader, resolved);
  });
  ORTHANT_TRY(std::move(status));
  return resolved;
}

Status QueryInputs::resolve_stage(const QueryStage& stage, const CollectionReader& reader, ResolvedExamples& resolved) const {
  std::vector<const PointId*> ids;
  Status status;
  visit_examples(stage, [&](const auto& given) {
    if constexpr (std::is_same_v<decltype(given), const PointId&>) {
      ids.push_back(&given);
    } else {
      if (!status) return;
      status = [&]() -> Status {
        if (const Encoded* text = encoded(given)) {
          if (ORTHANT_TRY(reader.vector_config(stage.vector_name)).generation != text->generation) return another_model_serves();
        }
        std::optional<VectorValue> value = value_of(given);
        if (!value) value = ORTHANT_TRY(collection_->query_from_codes(stage.vector_name, std::get<CodeInput>(given).bytes));
        ORTHANT_TRY(check_finite(*value));
        resolved.vectors.emplace(&given, *std::move(value));
        return {};
      }();
    }
  });
  ORTHANT_TRY(std::move(status));
  if (!ids.empty()) return resolve_points(stage, ids, reader, resolved);
  if (!stage.lookup_collection.empty()) ORTHANT_TRY(lookup_collection(engine_, stage.lookup_collection));
  return {};
}

Status QueryInputs::resolve_points(const QueryStage& stage, const std::vector<const PointId*>& ids, const CollectionReader& reader,
                                   ResolvedExamples& resolved) const {
  std::optional<CollectionReader> other;
  if (!stage.lookup_collection.empty()) {
    other.emplace(ORTHANT_TRY(ORTHANT_TRY(lookup_collection(engine_, stage.lookup_collection))->reader()));
  }
  const CollectionReader& source = other ? *other : reader;
  const std::string& name = stage.lookup_vector.empty() ? stage.vector_name : stage.lookup_vector;
  std::vector<PointId> wanted;
  for (const PointId* id : ids) wanted.push_back(*id);
  const std::vector<Ordinal> ordinals = ORTHANT_TRY(source.find(wanted));
  const auto missing = std::ranges::find(ordinals, kNoOrdinal);
  if (missing != ordinals.end()) {
    const PointId& id = wanted[static_cast<std::size_t>(missing - ordinals.begin())];
    return not_found(fmt::format("No point with id {} found", id.to_string()));
  }
  ORTHANT_TRY(source.vector_config(name));
  auto vectors = ORTHANT_TRY(source.vectors(name, ordinals));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!vectors[i]) return not_found(fmt::format("Vector with name \"{}\" for point {} not found", name, wanted[i].to_string()));
    resolved.vectors.emplace(ids[i], *std::move(vectors[i]));
  }
  if (source.collection_name() == reader.collection_name()) resolved.mentioned[&stage] = ordinals;
  return {};
}

}  // namespace orthant
