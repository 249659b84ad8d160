#include "engine/reembed_job.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "engine/collection/shadow_vectors.h"

namespace orthant {
namespace {

// Texts encoded with one call: what is lost when the process is killed. Enough to keep all threads busy.
constexpr std::size_t kBatchTexts = 256;
constexpr std::size_t kBatchEmbeddings = 2048;
constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{10'000};
constexpr std::chrono::milliseconds kQueuePause{100};

}  // namespace

std::string_view reembed_phase_name(ReembedPhase phase) {
  switch (phase) {
    case ReembedPhase::kNone: return "none";
    case ReembedPhase::kCounting: return "counting";
    case ReembedPhase::kEncoding: return "encoding";
    case ReembedPhase::kSwitching: return "switching";
    case ReembedPhase::kWaiting: return "waiting";
    case ReembedPhase::kFinished: return "finished";
    case ReembedPhase::kFailed: return "failed";
    case ReembedPhase::kCancelled: return "cancelled";
  }
  return "none";
}

bool is_running(ReembedPhase phase) {
  return phase == ReembedPhase::kCounting || phase == ReembedPhase::kEncoding || phase == ReembedPhase::kSwitching ||
         phase == ReembedPhase::kWaiting;
}

ReembedJob::ReembedJob(Engine::Impl& engine, StepsUnderWay steps, const std::shared_ptr<Collection>& collection,
                       std::string vector_name)
    : engine_(engine),
      steps_(std::move(steps)),
      collection_(collection),
      collection_name_(collection->name()),
      vector_name_(std::move(vector_name)) {
  progress_.phase = ReembedPhase::kCounting;
  if (const auto config = collection->vector_config(vector_name_); config && config->reembedding) {
    progress_.model = config->reembedding->encoder.model;
    if (config->encoder) progress_.model_before = config->encoder->model;
  }
  model_ = progress_.model;
}

void ReembedJob::start() {
  next(&ReembedJob::count);
}

void ReembedJob::give_up() {
  *given_up_ = true;
  end(ReembedPhase::kCancelled, std::nullopt);
}

void ReembedJob::wake() {
  std::uint64_t wait = 0;
  {
    std::lock_guard lock(mutex_);
    if (progress_.phase != ReembedPhase::kWaiting) return;
    wait = ++wait_number_;
  }
  next(&ReembedJob::read, wait);
}

std::uint64_t ReembedJob::present_wait() const {
  std::lock_guard lock(mutex_);
  return wait_number_;
}

void ReembedJob::next(Step step, std::uint64_t wait, std::chrono::milliseconds pause) {
  auto run = [weak = weak_from_this(), step, wait] {
    const std::shared_ptr<ReembedJob> self = weak.lock();
    const std::shared_ptr<void> under_way = self ? self->steps_.begin() : nullptr;
    if (!under_way || *self->given_up_ || self->present_wait() != wait) return;
    Status queued = self->engine_.background_pool.submit_continuation([self, under_way, step] {
      if (const auto collection = self->collection_.lock()) ((*self).*step)(*collection);
    });
    ignore_error(queued, "the process is stopping; the next one goes on");
  };
  if (pause == pause.zero()) return run();
  engine_.delayed.run_at(DelayedTasks::Clock::now() + pause, std::move(run));
}

void ReembedJob::count(Collection& collection) {
  const Result<TextCounts> counts = collection.count_texts(vector_name_);
  if (!counts) return handle(collection, counts.error());
  {
    std::lock_guard lock(mutex_);
    progress_.texts = counts->texts;
    progress_.resumed = counts->encoded;
  }
  read(collection);
}

void ReembedJob::read(Collection& collection) {
  const Result<VectorConfig> config = collection.vector_config(vector_name_);
  if (!config) return handle(collection, config.error());
  if (!config->reembedding) return handle(collection, {ErrorCode::kCancelled, "cancelled"});
  const std::optional<TextModel> model = engine_.texts.find_model(config->reembedding->encoder, config->kind);
  if (!model) {  // until somebody starts the process with it
    end(ReembedPhase::kWaiting, Error{ErrorCode::kFailedPrecondition, engine_.texts.not_loaded(model_)});
    return;
  }
  const bool by_head = head_for(*config, *model) != nullptr;
  auto texts = collection.unencoded_texts(vector_name_, table_, next_row_, by_head ? kBatchEmbeddings : kBatchTexts);
  if (!texts) return handle(collection, texts.error());
  const bool from_begin = texts->table != table_;
  last_row_ = from_begin ? 0 : next_row_;
  passed_ = texts->encoded;
  table_ = texts->table;
  next_row_ = texts->next;
  {
    std::lock_guard lock(mutex_);
    if (from_begin) progress_.encoded = 0;  // what is encoded is passed over, and counted, once more
    progress_.encoded += passed_;
  }
  set_phase(ReembedPhase::kEncoding);
  show();
  if (!texts->texts.empty() && by_head) return apply_head(collection, std::move(*texts));
  if (!texts->texts.empty()) return encode(std::move(*texts), *model);
  if (texts->at_end) return make_switch(collection);
  next(&ReembedJob::read);
}

void ReembedJob::go_back() {
  next_row_ = last_row_;
  std::lock_guard lock(mutex_);
  progress_.encoded -= std::min(progress_.encoded, passed_);
}

// Of stored embeddings that are what the old model gave: float32, and of its length.
const HeadDifference* ReembedJob::head_for(const VectorConfig& config, const TextModel& model) {
  if (head_) return head_->get();
  head_.emplace(nullptr);
  const bool floats = config.kind == VectorKind::kDense && config.datatype == VectorDatatype::kFloat32;
  const auto* const after = std::get_if<const Encoder*>(&model);
  if (!floats || after == nullptr || !config.encoder) return nullptr;
  const auto serving = engine_.texts.find_model(*config.encoder, config.kind);
  const auto* const before = serving ? std::get_if<const Encoder*>(&*serving) : nullptr;
  if (before == nullptr) return nullptr;
  const bool as_given = config.index.metric != Metric::kCosine || (*before)->info().normalized;
  if (!as_given) return nullptr;
  head_ = HeadDifference::between((*before)->info(), (*after)->info());
  if (*head_ != nullptr) {
    log_info(fmt::format("collection {}, vector `{}`: model `{}` is `{}` with a head behind it, which is applied to the embeddings",
                         collection_name_, vector_name_, model_, config.encoder->model));
  }
  return head_->get();
}

void ReembedJob::apply_head(Collection& collection, UnencodedTexts texts) {
  const HeadDifference& head = **head_;
  const auto embeddings = collection.serving_embeddings(vector_name_, texts);
  if (!embeddings) {
    go_back();
    return handle(collection, embeddings.error());
  }
  EncodedTexts made;
  const std::span<const float> rows(*embeddings);
  for (std::size_t i = 0; i < texts.ordinals.size(); ++i) {
    std::vector<float> after(head.output_size());
    head.apply(rows.subspan(i * head.input_size(), head.input_size()), after);
    made.vectors.emplace_back(std::move(after));
  }
  made.truncated.resize(texts.ordinals.size());
  keep(collection, std::move(texts), std::move(made));
}

void ReembedJob::encode(UnencodedTexts texts, const TextModel& model) {
  std::shared_ptr<void> under_way = steps_.begin();
  if (!under_way) return;
  std::vector<TextJob> jobs;
  for (std::string& text : texts.texts) jobs.push_back({model, std::move(text)});
  TextEncodingOptions options;
  options.bulk = true;
  options.cancelled = given_up_;
  auto done = [self = shared_from_this(), under_way, texts = std::move(texts)](Result<EncodedTexts> encoded) mutable {
    Status queued = self->engine_.background_pool.submit_continuation(
        [self, under_way = std::move(under_way), texts = std::move(texts), encoded = std::move(encoded)]() mutable {
          const auto collection = self->collection_.lock();
          if (collection && !*self->given_up_) self->keep(*collection, std::move(texts), std::move(encoded));
        });
    ignore_error(queued, "the process is stopping; the next one encodes these texts again");
  };
  engine_.texts.encode(std::move(jobs), options, std::move(done));
}

void ReembedJob::keep(Collection& collection, UnencodedTexts texts, Result<EncodedTexts> encoded) {
  if (!encoded) {
    go_back();
    return handle(collection, encoded.error());
  }
  const Result<VectorConfig> config = collection.vector_config(vector_name_);
  const Result<Slot> slot = collection.slot_of(vector_name_);
  if (!config || !config->reembedding || !slot) return handle(collection, {ErrorCode::kCancelled, "cancelled"});
  std::vector<PreparedVector> shadows;
  for (std::size_t i = 0; i < texts.ordinals.size(); ++i) {
    auto bytes = stored_embedding(*config, config->reembedding->encoder.dim, encoded->vectors[i]);
    if (!bytes) return fail_for_good(collection, bytes.error());
    shadows.push_back({.slot = shadow_of(*slot), .bytes = std::move(*bytes), .source_text = {}, .generation = texts.generation});
  }
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, tokens] : encoded->tokens_by_model) progress_.tokens += tokens;
    progress_.truncated += static_cast<std::uint64_t>(std::ranges::count(encoded->truncated, true));
  }
  static Counter& total = counter("orthant_reembed_texts_total", "Texts encoded by re-embeddings.");
  const std::size_t count = shadows.size();
  collection.put_shadows(std::move(texts), std::move(shadows), [self = shared_from_this(), count](const Status& kept) {
    const auto held = self->collection_.lock();
    const auto under_way = self->steps_.begin();
    if (!held || !under_way) return;
    if (!kept) {
      self->go_back();
      return self->handle(*held, kept.error());
    }
    total.add(count);
    {
      std::lock_guard lock(self->mutex_);
      self->progress_.encoded += count;
    }
    self->pause_ = {};
    self->next(&ReembedJob::read);
  });
}

void ReembedJob::make_switch(Collection& collection) {
  set_phase(ReembedPhase::kSwitching);
  collection.switch_to_shadows(vector_name_, [self = shared_from_this()](const Status& switched) {
    const auto held = self->collection_.lock();
    const auto under_way = self->steps_.begin();
    if (!held || !under_way || *self->given_up_) return;
    if (switched) {
      self->end(ReembedPhase::kFinished, std::nullopt);
      const ReembedProgress done = self->progress();
      return log_info(fmt::format("collection {}, vector `{}`: {} texts re-embedded by model `{}` in {:.1f} s",
                                  self->collection_name_, self->vector_name_, done.texts, done.model, done.seconds));
    }
    self->table_ = 0;  // what is missing is looked for from the begin
    self->next_row_ = 0;
    self->handle(*held, switched.error());
  });
}

// What may pass by itself is waited for.
void ReembedJob::handle(Collection& collection, const Error& error) {
  if (engine_.stopping || *given_up_) return;
  const Result<VectorConfig> config = collection.vector_config(vector_name_);
  if (!config || !config->reembedding) {
    end(ReembedPhase::kCancelled, std::nullopt);
    return;
  }
  if (error.code == ErrorCode::kResourceExhausted) return next(&ReembedJob::read, present_wait(), kQueuePause);
  if (error.code == ErrorCode::kFailedPrecondition || error.code == ErrorCode::kInvalidArgument) {
    return fail_for_good(collection, error);
  }
  log_warning(fmt::format("collection {}, vector `{}`: re-embedding waits: {}", collection_name_, vector_name_, error.message));
  pause_ = pause_.count() == 0 ? kFirstPause : std::min(pause_ * 2, kLongestPause);
  next(&ReembedJob::read, end(ReembedPhase::kWaiting, error), pause_);
}

// It would fail again after a restart, so it ends.
void ReembedJob::fail_for_good(Collection& collection, const Error& error) {
  log_warning(fmt::format("collection {}, vector `{}`: re-embedding failed: {}", collection_name_, vector_name_, error.message));
  end(ReembedPhase::kFailed, error);
  Status queued = collection.update_config(
      [name = vector_name_](CollectionConfig& config) -> Status {
        if (const auto found = config.vectors.find(name); found != config.vectors.end()) found->second.reembedding.reset();
        return {};
      },
      [](const Status&) {}, false);
  ignore_error(queued, "a full queue: after a restart it fails, and ends, once more");
}

void ReembedJob::set_phase(ReembedPhase phase) {
  std::lock_guard lock(mutex_);
  if (!is_running(progress_.phase)) return;  // cancelled meanwhile
  if (phase == ReembedPhase::kEncoding && progress_.phase != phase) {
    encoding_since_ = Clock::now();
    encoded_before_ = progress_.encoded;
  }
  progress_.phase = phase;
  progress_.error.reset();
}

std::uint64_t ReembedJob::end(ReembedPhase phase, std::optional<Error> error) {
  std::uint64_t wait = 0;
  {
    std::lock_guard lock(mutex_);
    wait = wait_number_;
    // What was cancelled or has finished stays so.
    if (!is_running(progress_.phase)) return wait;
    progress_.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    progress_.phase = phase;
    progress_.error = std::move(error);
  }
  show();
  return wait;
}

ReembedProgress ReembedJob::progress() const {
  std::lock_guard lock(mutex_);
  ReembedProgress progress = progress_;
  progress.texts = std::max(progress.texts, progress.encoded);
  if (!is_running(progress.phase)) return progress;
  const auto now = Clock::now();
  progress.seconds = std::chrono::duration<double>(now - begin_).count();
  const double encoding = std::chrono::duration<double>(now - encoding_since_).count();
  const std::uint64_t fresh = progress.encoded - std::min(progress.encoded, std::max(encoded_before_, progress.resumed));
  if (progress.phase == ReembedPhase::kEncoding && fresh > 0) {
    progress.seconds_left = encoding / static_cast<double>(fresh) * static_cast<double>(progress.texts - progress.encoded);
  }
  return progress;
}

// In /metrics.
void ReembedJob::show() const {
  const ReembedProgress now = progress();
  const std::string labels = fmt::format("id=\"{}\",vector=\"{}\"", escape_label(collection_name_), escape_label(vector_name_));
  gauge("collection_reembed_texts", "Texts of the re-embedding that runs; 0: none does", labels)
      .set(is_running(now.phase) ? static_cast<std::int64_t>(now.texts) : 0);
  gauge("collection_reembed_encoded_texts", "Those of them that are encoded", labels)
      .set(is_running(now.phase) ? static_cast<std::int64_t>(now.encoded) : 0);
}

}  // namespace orthant
