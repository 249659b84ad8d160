#include "encoder/quantize/layer_trials.h"

#include <algorithm>
#include <cassert>
#include <mutex>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace orthant {
namespace {

// Published recipes calibrate on about a hundred texts; more change little and cost time.
constexpr std::size_t kCalibrationTexts = 128;
// Fewer than this make rankings too coarse to leave any out of them.
constexpr std::size_t kFewestMeasured = 100;
constexpr std::size_t kMostMeasured = 256;
// Rows of a layer's sample; more would only take memory.
constexpr std::size_t kSampleRows = 3072;
// Enough to report an error by; moments cost rows x inputs^2.
constexpr std::size_t kErrorRows = 512;

// Keeps the first rows that each layer sees.
class Sampler final : public LinearObserver {
 public:
  explicit Sampler(const TrialModel& model) {
    for (std::size_t i = 0; i < model.layer_count(); ++i) samples_.push_back({.inputs = model.layer(i).inputs, .rows = {}});
  }

  void observe(std::size_t linear, std::size_t rows, const float* input) override {
    InputSample& sample = samples_[linear];
    const std::size_t taken = std::min(rows, kSampleRows - std::min(kSampleRows, sample.row_count()));
    sample.rows.insert(sample.rows.end(), input, input + taken * sample.inputs);
  }

  std::vector<InputSample> take() { return std::move(samples_); }

 private:
  std::vector<InputSample> samples_;
};

InputSample first_rows(const InputSample& sample, std::size_t count) {
  const auto end = sample.rows.begin() + static_cast<std::ptrdiff_t>(std::min(count, sample.row_count()) * sample.inputs);
  return {.inputs = sample.inputs, .rows = {sample.rows.begin(), end}};
}

// `count` of them, spread evenly.
std::vector<bool> evenly_chosen(std::size_t all, std::size_t count) {
  std::vector<bool> chosen(all);
  for (std::size_t i = 0; i < count; ++i) chosen[i * all / count] = true;
  return chosen;
}

}  // namespace

Result<std::unique_ptr<LayerTrials>> LayerTrials::make(TrialModel& model, std::span<const std::string> texts,
                                                       std::span<const LayerScheme> schemes, ThreadPool* pool) {
  std::unique_ptr<LayerTrials> trials(new LayerTrials(model, pool));
  trials->split_texts(texts);
  EmbeddingMatrix reference = ORTHANT_TRY(model.embed(trials->measured_, pool));
  trials->comparison_ = ORTHANT_TRY(EmbeddingComparison::make(std::move(reference)));
  ORTHANT_TRY(trials->collect_samples());
  trials->slots_.resize(model.layer_count());
  trials->applied_.resize(model.layer_count(), WeightPrecision::kFloat32);
  for (std::size_t layer = 0; layer < model.layer_count(); ++layer) {
    for (std::size_t i = 0; i < kPrecisions; ++i) trials->slots_[layer][i].scheme.precision = static_cast<WeightPrecision>(i);
    for (const LayerScheme& scheme : schemes) trials->slot(layer, scheme.precision).scheme = scheme;
  }
  return trials;
}

void LayerTrials::split_texts(std::span<const std::string> texts) {
  const std::vector<TokenizedText> all = model_.tokenize(texts, Purpose::kDocument);
  const std::size_t count = std::min(kCalibrationTexts, all.size());
  const bool apart = all.size() >= count + kFewestMeasured;
  const std::vector<bool> calibrates = evenly_chosen(all.size(), count);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (calibrates[i]) calibration_.push_back(all[i]);
    if ((!apart || !calibrates[i]) && measured_.size() < kMostMeasured) measured_.push_back(all[i]);
  }
}

Status LayerTrials::collect_samples() {
  Sampler sampler(model_);
  ORTHANT_TRY(model_.observe(calibration_, sampler));
  samples_ = sampler.take();
  return {};
}

void LayerTrials::set_scheme(std::size_t layer, const LayerScheme& scheme) {
  Slot& changed = slot(layer, scheme.precision);
  changed = {scheme, std::nullopt, std::nullopt};
  if (applied_[layer] != scheme.precision) return;
  applied_[layer] = WeightPrecision::kFloat32;
  model_.restore_layer(layer);
}

void LayerTrials::set_weights(std::size_t layer, LinearWeights weights) {
  const WeightPrecision precision = weights.precision();
  set_scheme(layer, slot(layer, precision).scheme);
  slot(layer, precision).given = std::move(weights);
}

const LayerTrial* LayerTrials::find(std::size_t layer, WeightPrecision precision) const {
  const auto& trial = slot(layer, precision).trial;
  return trial ? &*trial : nullptr;
}

Result<LayerTrial> LayerTrials::quantized_trial(const Job& job) const {
  const LinearWeights& original = model_.original(job.layer);
  LayerTrial trial;
  if (job.precision == WeightPrecision::kFloat32) return trial;
  const Slot& chosen = slot(job.layer, job.precision);
  auto quantized =
      chosen.given ? Result<LinearWeights>(*chosen.given) : quantize_layer(original, chosen.scheme, &samples_[job.layer]);
  if (!quantized) return with_context(model_.layer(job.layer).name, quantized.error());
  trial.weights = *std::move(quantized);
  const InputSample some = first_rows(samples_[job.layer], kErrorRows);
  trial.error = weight_error(original, trial.weights, &some);
  return trial;
}

const LinearWeights& LayerTrials::weights(std::size_t layer, WeightPrecision precision) const {
  if (precision == WeightPrecision::kFloat32) return model_.original(layer);
  assert(find(layer, precision) != nullptr);
  return find(layer, precision)->weights;
}

// Layers do not depend on each other here, so they are quantized side by side.
Status LayerTrials::quantize(std::span<const Job> jobs) {
  std::mutex mutex;
  Status status;  // the first failure; guarded by mutex
  parallel_for(pool_, jobs.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Result<LayerTrial> trial = quantized_trial(jobs[i]);
      const std::lock_guard lock(mutex);
      if (trial) {
        slot(jobs[i].layer, jobs[i].precision).trial = *std::move(trial);
      } else if (status) {
        status = std::unexpected(trial.error());
      }
    }
  });
  return status;
}

Status LayerTrials::measure(std::span<const std::vector<WeightPrecision>> wanted, const Progress& progress) {
  assert(wanted.size() == model_.layer_count());
  std::vector<Job> jobs;
  for (std::size_t layer = 0; layer < wanted.size(); ++layer) {
    for (const WeightPrecision precision : wanted[layer]) {
      if (find(layer, precision) == nullptr) jobs.push_back({layer, precision});
    }
  }
  if (jobs.empty()) return {};
  ORTHANT_TRY(quantize(jobs));
  const std::vector<WeightPrecision> before = applied_;
  apply(std::vector<WeightPrecision>(wanted.size(), WeightPrecision::kFloat32));
  // Block by block, so that the texts come to each block once.
  const auto block = [this](const Job& job) { return model_.transformer().block_of(job.layer); };
  std::ranges::sort(jobs, {}, [&](const Job& job) { return std::tuple(block(job), job.layer, job.precision); });
  TrialModel::Halfway halfway = ORTHANT_TRY(model_.start(measured_, pool_));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    while (halfway.block < block(jobs[i])) model_.advance(halfway, measured_, pool_);
    try_job(jobs[i], halfway);
    if (progress) progress(i + 1, jobs.size());
  }
  apply(before);
  return {};
}

// All layers are float32, before and after.
void LayerTrials::try_job(const Job& job, const TrialModel::Halfway& halfway) {
  LayerTrial& trial = *slot(job.layer, job.precision).trial;
  if (job.precision == WeightPrecision::kFloat32) {
    trial.memory_bytes = model_.layer(job.layer).memory_bytes;
    return;
  }
  model_.replace_layer(job.layer, trial.weights);
  trial.memory_bytes = model_.layer(job.layer).memory_bytes;
  trial.shift = comparison_->shift_of(model_.embed_from(halfway, measured_, pool_));
  model_.restore_layer(job.layer);
}

void LayerTrials::apply(std::span<const WeightPrecision> precisions) {
  for (std::size_t layer = 0; layer < precisions.size(); ++layer) {
    if (applied_[layer] == precisions[layer]) continue;
    applied_[layer] = precisions[layer];
    model_.replace_layer(layer, weights(layer, precisions[layer]));
  }
}

Result<EmbeddingShift> LayerTrials::shift() const {
  return comparison_->shift_of(ORTHANT_TRY(model_.embed(measured_, pool_)));
}

}  // namespace orthant
