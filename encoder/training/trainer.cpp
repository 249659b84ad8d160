#include "encoder/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/cpu.h"
#include "base/machine_memory.h"
#include "encoder/training/adam_w.h"
#include "encoder/training/batch_source.h"
#include "encoder/training/checkpoint.h"
#include "encoder/training/conversion.h"
#include "encoder/training/dev_set.h"
#include "encoder/training/head_start.h"
#include "encoder/training/losses.h"
#include "encoder/training/memory_forecast.h"
#include "encoder/training/metrics_log.h"
#include "encoder/training/quantized_linears.h"
#include "encoder/training/text_embedder.h"
#include "encoder/training/trainable_encoder.h"
#include "encoder/training/training_checks.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMaxSteps = 100'000'000;
// Texts that a rotation is learned from.
constexpr std::size_t kRotationTexts = 4096;
// Batches whose tokens are counted for the forecast of memory.
constexpr std::uint64_t kForecastBatches = 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

EncoderOptions float_weights() {
  EncoderOptions options;
  options.weights = WeightPrecision::kFloat32;
  return options;
}

// libtorch's own threads, and those of OpenBLAS, which libtorch does not tell of them.
void limit_threads(std::size_t threads) {
  const int count = static_cast<int>(std::max<std::size_t>(1, threads));
  at::set_num_threads(count);
  using SetThreads = void (*)(int);
  if (const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(count);
}

bool wants_teacher(const LossOptions& loss) {
  return loss.kind == LossKind::kDistillation || loss.distillation > 0;
}

std::size_t text_bytes(const TrainingData& data) {
  std::size_t bytes = 0;
  for (const TrainingExample& example : data.examples) {
    for (const std::string& text : example.texts) bytes += text.size() + sizeof(std::string);
  }
  return bytes;
}

class TorchTrainer final : public Trainer {
 public:
  TorchTrainer(TrainingOptions options, TrainingData train, TrainingData dev, TrainableEncoder model)
      : options_(std::move(options)),
        train_(std::move(train)),
        dev_data_(std::move(dev)),
        model_(std::move(model)),
        batches_(train_, options_.batch_size, options_.seed),
        dev_(dev_data_) {}

  Status prepare(std::size_t memory_limit);
  std::span<const std::string> notes() const override { return notes_; }
  const MemoryForecast& forecast() const override { return forecast_; }
  std::uint64_t all_steps() const override { return all_steps_; }
  Result<std::uint64_t> checkpointed_step() const override;
  Result<TrainingOutcome> run(const Observer& observer) override;

 private:
  Result<std::unique_ptr<FrozenEmbeddings>> frozen(const fs::path& folder) const;
  void settle_products();
  Status fit(std::size_t limit);
  std::size_t batch_tokens();
  Status append_head();
  Status quantize_linears();
  Status calibrate();
  Status start_adapters();
  Status settle_neighbours();
  std::vector<PurposedText> some_texts(std::size_t count) const;
  Result<at::Tensor> rows_at_start(std::span<const PurposedText> texts);
  Status take_up();
  Result<StepReport> step();
  Result<double> add_gradients(std::uint64_t batch, std::size_t& tokens);
  Result<LossBatch> loss_batch(const TextBatch& texts) const;
  Result<TrainingOutcome> run_steps(const Observer& observer);
  Status evaluate(const Observer& observer);
  bool is_best(const DevScores& scores) const;
  Status finish();
  Status convert(const std::filesystem::path& model);
  bool patience_is_over() const { return options_.patience > 0 && state_.evaluations_without_better >= options_.patience; }

  TrainingOptions options_;
  TrainingData train_;
  TrainingData dev_data_;
  TrainableEncoder model_;
  BatchSource batches_;
  DevSet dev_;
  std::unique_ptr<FrozenEmbeddings> frozen_;   // of the model as it was, where the head alone is trained
  std::unique_ptr<FrozenEmbeddings> teacher_;  // null: frozen_ serves
  std::optional<TextEmbedder> embedder_;
  ParameterSet parameters_;
  std::optional<AdamW> optimizer_;
  std::unique_ptr<QuantizedLinears> quantized_;  // null: float weights
  std::optional<MetricsLog> log_;
  MemoryForecast forecast_;
  std::vector<std::string> notes_;
  std::uint64_t all_steps_ = 0;
  RunState state_;
  TrainingOutcome outcome_;
};

Status TorchTrainer::prepare(std::size_t memory_limit) {
  limit_threads(options_.threads);
  settle_products();
  at::manual_seed(options_.seed);
  if (wants_teacher(options_.loss) || !options_.train_transformer) {
    const fs::path folder = options_.teacher.empty() ? options_.model : options_.teacher;
    auto teacher = ORTHANT_TRY(frozen(folder));
    const bool same = options_.teacher.empty() || options_.teacher == options_.model;
    if (!options_.train_transformer && same) {
      frozen_ = std::move(teacher);
    } else {
      teacher_ = std::move(teacher);
    }
    if (!options_.train_transformer && !same) {
      frozen_ = ORTHANT_TRY(frozen(options_.model));
    }
  }
  ORTHANT_TRY(append_head());
  for (const std::int64_t length : options_.loss.lengths) {
    if (length >= 1 && length <= static_cast<std::int64_t>(model_.dim())) continue;
    return invalid_argument(fmt::format("lengths: found {}, the model gives {} dimensions", length, model_.dim()));
  }
  parameters_ = model_.parameters({options_.train_transformer, options_.train_word_embeddings});
  ORTHANT_TRY(quantize_linears());
  if (options_.head_rate > 0) parameters_.set_rate_factor("stage.", options_.head_rate / options_.learning_rate);
  const double examples = options_.epochs * static_cast<double>(batches_.batches_an_epoch());
  const double steps = std::ceil(examples / static_cast<double>(options_.accumulate));
  all_steps_ = options_.max_steps != 0 ? options_.max_steps : static_cast<std::uint64_t>(std::clamp(steps, 1.0, double{kMaxSteps}));
  ORTHANT_TRY(fit(memory_limit != 0 ? memory_limit : machine_memory_bytes()));
  const ForwardOptions forward{options_.dropout, options_.bfloat16, options_.lora.used() ? options_.lora.dropout : 0,
                               options_.checkpointing};
  embedder_.emplace(model_, frozen_.get(), forward, options_.chunk_tokens);
  optimizer_.emplace(parameters_, AdamWOptions{.weight_decay = options_.weight_decay, .moments = options_.memory.moments});
  return {};
}

Result<std::unique_ptr<FrozenEmbeddings>> TorchTrainer::frozen(const fs::path& folder) const {
  auto encoder = ORTHANT_TRY(Encoder::load(folder, float_weights()));
  if (options_.vectors_cache.empty()) return std::make_unique<FrozenEmbeddings>(std::move(encoder));
  EmbeddingFile file = ORTHANT_TRY(EmbeddingFile::open(options_.vectors_cache, encoder->info()));
  return std::make_unique<FrozenEmbeddings>(std::move(encoder), std::move(file));
}

// A CPU that cannot multiply them takes far longer for bfloat16 than for float32, and the result is worse.
void TorchTrainer::settle_products() {
  if (!options_.bfloat16 || (cpu_multiplies_bfloat16() && cpu_level() >= CpuLevel::kAvx512)) return;
  options_.bfloat16 = false;
  notes_.emplace_back("bfloat16: this CPU does not multiply it (AVX512_BF16): linear layers multiply in float32");
}

Status TorchTrainer::fit(std::size_t limit) {
  std::size_t beside = text_bytes(train_) + text_bytes(dev_data_);
  for (const auto& model : {frozen_.get(), teacher_.get()}) {
    if (model != nullptr) beside += model->encoder().info().memory_bytes;
  }
  const MemoryNeed need{model_, parameters_, model_.max_seq_length(), batch_tokens(), beside};
  const std::string fitted = ORTHANT_TRY(fit_memory(need, limit, options_));
  forecast_ = forecast_memory(need, options_);
  forecast_.fitted = fitted;
  return {};
}

// From the first batches, and a quarter more as others may have longer texts.
std::size_t TorchTrainer::batch_tokens() {
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(kForecastBatches, batches_.batches_an_epoch()); ++i) {
    std::size_t tokens = 0;
    for (const PurposedText& text : batches_.batch(i).texts) tokens += model_.tokenize(text.text, text.purpose).ids.size();
    most = std::max(most, tokens);
  }
  return most + most / 4;
}

Status TorchTrainer::quantize_linears() {
  if (options_.weights == WeightPrecision::kFloat32) return {};
  quantized_ = ORTHANT_TRY(QuantizedLinears::make(options_.weights, options_.quantization, model_.transformer()));
  quantized_->add_parameters(parameters_);
  parameters_.set_rate_factor("quantization.", options_.quantization.scale_rate / options_.learning_rate);
  return {};
}

// Static activations start from what some texts show.
Status TorchTrainer::calibrate() {
  if (!quantized_ || !quantized_->needs_calibration()) return {};
  const NoGradients guard;
  quantized_->set_calibrating(true);
  const auto rows = embedder_->embed(some_texts(options_.quantization.calibration_texts));
  quantized_->set_calibrating(false);
  quantized_->step_done(0);
  return rows ? Status() : std::unexpected(rows.error());
}

Status TorchTrainer::start_adapters() {
  if (!options_.lora.used() || options_.lora.start != LoraStart::kRounding) return {};
  std::vector<TokenizedText> texts;
  for (const PurposedText& text : some_texts(options_.quantization.calibration_texts)) {
    texts.push_back(model_.tokenize(text.text, text.purpose));
  }
  return model_.start_adapters(texts);
}

// Training texts, drawn by the seed.
std::vector<PurposedText> TorchTrainer::some_texts(std::size_t count) const {
  std::vector<PurposedText> texts;
  for (const std::uint32_t i : shuffled_order(train_.examples.size(), options_.seed, 0)) {
    if (texts.size() >= count) break;
    texts.push_back({train_.examples[i].texts.back(), Purpose::kDocument});
  }
  return texts;
}

Status TorchTrainer::append_head() {
  const auto dim = static_cast<std::int64_t>(model_.dim());
  HeadStart start;
  switch (options_.head.kind) {
    case HeadKind::kNone: return {};
    case HeadKind::kIdentity: start = identity_start(dim); break;
    case HeadKind::kLabels: {
      const auto labels = static_cast<std::int64_t>(options_.head.labels);
      if (labels < 2) return invalid_argument(fmt::format("head: labels: found {}, expected 2 or more", labels));
      for (const TrainingData* data : {&train_, &dev_data_}) {
        for (const TrainingExample& example : data->examples) {
          if (example.label < options_.head.labels) continue;
          return invalid_argument(fmt::format("head: labels: {} classes, the data have label {}", labels, example.label));
        }
      }
      start = label_start(dim, labels, options_.seed);
      break;
    }
    case HeadKind::kRotation: {
      const std::vector<PurposedText> texts = some_texts(kRotationTexts);
      start = rotation_start(ORTHANT_TRY(rows_at_start(texts)), options_.head.centre, options_.seed);
      break;
    }
  }
  model_.append_dense(start.weight, start.bias);
  if (options_.head.kind != HeadKind::kLabels) model_.append_normalize();
  return {};
}

// By Encoder, which is faster than libtorch.
Result<at::Tensor> TorchTrainer::rows_at_start(std::span<const PurposedText> texts) {
  if (frozen_) return frozen_->rows(texts);
  const auto once = ORTHANT_TRY(frozen(options_.model));
  return once->rows(texts);
}

Result<std::uint64_t> TorchTrainer::checkpointed_step() const {
  const auto state = ORTHANT_TRY(read_newest_state(options_.output));
  if (!state) return std::uint64_t{0};
  if (state->fingerprint == options_.fingerprint) return state->step;
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("{}: the checkpoints there belong to another recipe or other data; remove them or choose another folder",
                          options_.output.string()));
}

// Those of the model at the start, in float32.
Status TorchTrainer::settle_neighbours() {
  if (dev_.empty() || dev_data_.kind != ExampleKind::kTexts) return {};
  if (quantized_) quantized_->set_active(false);
  const auto scores = dev_.score(*embedder_);
  if (quantized_) quantized_->set_active(true);
  return scores ? Status() : std::unexpected(scores.error());
}

Status TorchTrainer::take_up() {
  std::error_code error;
  fs::create_directories(options_.output, error);
  if (error) return io_error(fmt::format("{}: {}", options_.output.string(), error.message()));
  const std::uint64_t step = ORTHANT_TRY(checkpointed_step());
  if (options_.memory.paged_moments) ORTHANT_TRY(optimizer_->page_to(options_.output));
  log_.emplace(ORTHANT_TRY(MetricsLog::open(options_.output / "metrics.jsonl", step)));
  ORTHANT_TRY(settle_neighbours());
  if (step == 0) {
    state_.fingerprint = options_.fingerprint;
    ORTHANT_TRY(start_adapters());
    return calibrate();
  }
  state_ = ORTHANT_TRY(read_newest_state(options_.output)).value();
  outcome_.resumed_from = step;
  ORTHANT_TRY(restore_checkpoint(options_.output, state_, parameters_, *optimizer_));
  if (quantized_) quantized_->step_done(state_.step);
  return {};
}

Result<TrainingOutcome> TorchTrainer::run(const Observer& observer) {
  try {
    return run_steps(observer);
  } catch (const c10::Error& error) {
    return internal_error(fmt::format("libtorch: {}", error.what_without_backtrace()));
  }
}

Result<TrainingOutcome> TorchTrainer::run_steps(const Observer& observer) {
  const Clock::time_point start = Clock::now();
  ORTHANT_TRY(take_up());
  if (state_.step == 0 && !dev_.empty()) ORTHANT_TRY(evaluate(observer));
  while (state_.step < all_steps_ && !patience_is_over()) {
    const StepReport report = ORTHANT_TRY(step());
    outcome_.last_loss = report.loss;
    ORTHANT_TRY(log_->add(report));
    observer.step(report);
    const bool last = state_.step == all_steps_;
    const bool due = options_.evaluate_every > 0 && state_.step % options_.evaluate_every == 0;
    if (!dev_.empty() && (due || last)) ORTHANT_TRY(evaluate(observer));
    if (state_.step % options_.checkpoint_every == 0 || last || patience_is_over()) {
      ORTHANT_TRY(write_checkpoint(options_.output, state_, parameters_, *optimizer_));
    }
  }
  outcome_.stopped_early = state_.step < all_steps_;
  ORTHANT_TRY(finish());
  outcome_.steps = state_.step;
  outcome_.start = state_.start;
  outcome_.best = state_.best;
  outcome_.seconds = seconds_since(start);
  return outcome_;
}

Result<StepReport> TorchTrainer::step() {
  const Clock::time_point start = Clock::now();
  StepReport report;
  report.all_steps = all_steps_;
  const auto warmup = static_cast<std::uint64_t>(std::ceil(options_.warmup * static_cast<double>(all_steps_)));
  report.rate = options_.learning_rate * rate_share(state_.step, warmup, all_steps_);
  parameters_.drop_gradients();
  for (std::size_t i = 0; i < options_.accumulate; ++i) {
    report.loss += ORTHANT_TRY(add_gradients(state_.step * options_.accumulate + i, report.tokens));
  }
  report.gradient_norm = parameters_.clip_gradients(options_.clip);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    return internal_error(fmt::format("step {}: the loss is {} and the gradient {} long: a lower learning_rate may help",
                                      state_.step + 1, report.loss, report.gradient_norm));
  }
  optimizer_->step(report.rate);
  report.step = ++state_.step;
  if (quantized_) quantized_->step_done(state_.step);
  report.seconds = seconds_since(start);
  return report;
}

Result<double> TorchTrainer::add_gradients(std::uint64_t batch, std::size_t& tokens) {
  const TextBatch texts = batches_.batch(batch);
  const double share = 1.0 / static_cast<double>(options_.accumulate);
  const double sharpness = annealed_sharpness(options_.loss.sharpness_growth, state_.step);
  const LossBatch given = ORTHANT_TRY(loss_batch(texts));
  const auto loss = [&](const at::Tensor& embeddings) {
    LossBatch parts = given;
    const auto queries = static_cast<std::int64_t>(texts.queries);
    parts.queries = embeddings.narrow(0, 0, queries);
    if (embeddings.size(0) > queries) parts.documents = embeddings.narrow(0, queries, embeddings.size(0) - queries);
    at::Tensor value = compared_loss(parts, options_.loss, sharpness);
    if (options_.loss.distillation > 0 && options_.loss.kind != LossKind::kDistillation) {
      LossOptions beside = options_.loss;
      beside.kind = LossKind::kDistillation;
      value = value + compared_loss(parts, beside, sharpness) * options_.loss.distillation;
    }
    return value * share;
  };
  return embedder_->accumulate_gradients(texts.texts, loss, tokens);
}

// All but the embeddings themselves.
Result<LossBatch> TorchTrainer::loss_batch(const TextBatch& texts) const {
  LossBatch batch;
  batch.targets = texts.targets;
  batch.excluded = texts.excluded;
  if (!wants_teacher(options_.loss)) return batch;
  FrozenEmbeddings& teacher = teacher_ ? *teacher_ : *frozen_;
  const at::Tensor rows = ORTHANT_TRY(teacher.rows(texts.texts));
  const auto queries = static_cast<std::int64_t>(texts.queries);
  batch.teacher_queries = rows.narrow(0, 0, queries);
  if (rows.size(0) > queries) batch.teacher_documents = rows.narrow(0, queries, rows.size(0) - queries);
  return batch;
}

Status TorchTrainer::evaluate(const Observer& observer) {
  EvaluationReport report{state_.step, ORTHANT_TRY(dev_.score(*embedder_)), false};
  if (!state_.start) state_.start = report;
  report.best = is_best(report.scores);
  if (report.best) {
    state_.best = report;
    state_.evaluations_without_better = 0;
    ORTHANT_TRY(write_best(options_.output, parameters_));
  } else {
    ++state_.evaluations_without_better;
  }
  ORTHANT_TRY(log_->add(report));
  observer.evaluation(report);
  return {};
}

bool TorchTrainer::is_best(const DevScores& scores) const {
  if (!state_.best) return true;
  const double least_float = state_.start->scores.float_search * (1.0 - options_.tolerated_float_loss);
  return scores.float_search >= least_float && scores.of(options_.dev_metric) > state_.best->scores.of(options_.dev_metric);
}

// The model of an earlier run of the same recipe is replaced.
Status TorchTrainer::finish() {
  if (state_.best) ORTHANT_TRY(restore_best(options_.output, parameters_));
  if (quantized_) quantized_->step_done(state_.step);
  const fs::path target = options_.output / "model";
  std::error_code error;
  fs::remove_all(target, error);
  if (error) return io_error(fmt::format("{}: {}", target.string(), error.message()));
  ORTHANT_TRY(model_.save(target));
  const bool integers = options_.weights == WeightPrecision::kInt8 || options_.weights == WeightPrecision::kInt4 ||
                        options_.weights == WeightPrecision::kMixed;
  return integers && options_.conversion.wanted ? convert(target) : Status();
}

Status TorchTrainer::convert(const fs::path& model) {
  ConversionTask task;
  task.model = model;
  task.target = options_.output / "quantized";
  task.options = options_.conversion;
  task.max_seq_length = model_.max_seq_length();
  task.metric = options_.dev_metric;
  task.layers = quantized_->converted();
  task.texts = some_texts(options_.quantization.calibration_texts);
  const NoGradients guard;
  task.training_rows = ORTHANT_TRY(embedder_->embed(task.texts));
  if (!dev_.empty()) task.training_score = ORTHANT_TRY(dev_.score(*embedder_)).of(options_.dev_metric);
  quantized_->set_active(false);
  if (!dev_.empty()) task.float_score = ORTHANT_TRY(dev_.score(*embedder_)).of(options_.dev_metric);
  quantized_->set_active(true);
  outcome_.conversion = ORTHANT_TRY(convert_model(task, dev_));
  return {};
}

}  // namespace

double DevScores::of(std::string_view metric) const {
  if (metric == "float") return float_search;
  return metric == "int8" ? int8_search : binary_search;
}

Result<std::unique_ptr<Trainer>> Trainer::make(TrainingOptions options, TrainingData train, TrainingData dev,
                                               std::size_t memory_limit) {
  ORTHANT_TRY(check_options(options, train.kind));
  if (train.examples.empty()) return invalid_argument("data: no examples to train on");
  if (!dev.examples.empty() && dev.kind != train.kind) {
    return invalid_argument(
        fmt::format("dev: {}, the data to train on are {}", example_kind_name(dev.kind), example_kind_name(train.kind)));
  }
  if (train.kind == ExampleKind::kLabels) options.dev_metric = "float";
  if (options.dev_metric != "float" && options.dev_metric != "int8" && options.dev_metric != "binary") {
    return invalid_argument(fmt::format("dev_metric: found \"{}\", expected float, int8 or binary", options.dev_metric));
  }
  try {
    TrainableEncoder model = ORTHANT_TRY(TrainableEncoder::load(options.model, options.max_seq_length, options.lora, options.seed));
    auto trainer = std::make_unique<TorchTrainer>(std::move(options), std::move(train), std::move(dev), std::move(model));
    ORTHANT_TRY(trainer->prepare(memory_limit));
    return trainer;
  } catch (const c10::Error& error) {
    return internal_error(fmt::format("libtorch: {}", error.what_without_backtrace()));
  }
}

Result<DevScores> score_encoder(const fs::path& folder, WeightPrecision weights, const TrainingData& dev) {
  EncoderOptions options;
  options.weights = weights;
  FrozenEmbeddings embeddings(ORTHANT_TRY(Encoder::load(folder, options)));
  DevSet set(dev);
  return set.score_rows(ORTHANT_TRY(embeddings.rows(set.texts())));
}

}  // namespace orthant
