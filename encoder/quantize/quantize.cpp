#include "encoder/quantize/quantize.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "encoder/quantize/layer_latency.h"
#include "encoder/quantize/layer_trials.h"
#include "encoder/quantize/trial_model.h"

namespace orthant {
namespace {

using Precisions = std::vector<WeightPrecision>;

// Totals over all layers in the coarsest precision that was tried: what sensitivities are shares of.
struct HarmScale {
  double distance = 0;
  double variance = 0;

  double harm(const EmbeddingShift& shift) const {
    const double moved = distance > 0 ? shift.mean_distance / distance : 0;
    const double reordered = variance > 0 ? shift.score_variance / variance : 0;
    return (moved + reordered) / 2;
  }
};

class Quantizer final : public ModelQuantizer {
 public:
  Quantizer(std::unique_ptr<TrialModel> model, std::unique_ptr<LayerTrials> trials, Precisions ladder, ThreadPool* pool)
      : model_(std::move(model)),
        trials_(std::move(trials)),
        pool_(pool),
        ladder_(std::move(ladder)),
        chosen_(model_->layer_count(), WeightPrecision::kFloat32) {}

  Status measure_float() {
    float_figures_ = ORTHANT_TRY(figures());
    return {};
  }

  const EncoderInfo& info() const override { return model_->info(); }
  const QuantizedFigures& float_figures() const override { return float_figures_; }
  std::size_t calibration_texts() const override { return trials_->calibration_texts(); }
  std::size_t measured_texts() const override { return trials_->measured_texts(); }

  Status choose_everywhere(WeightPrecision precision, const Progress& progress) override;
  Status choose_by_budget(std::span<const Budget> budgets, const Progress& progress) override;
  Status choose_plan(std::span<const std::pair<std::string, LayerScheme>> plan, const Progress& progress) override;
  Status choose_weights(std::vector<LinearWeights> layers, const Progress& progress) override;
  Result<std::optional<StepBack>> step_back(std::span<const Budget> budgets) override;

  std::vector<LayerReport> layers() const override;
  Result<QuantizedFigures> figures() const override;
  Result<EmbeddingShift> shift() const override { return trials_->shift(); }
  Result<EmbeddingMatrix> embed(std::span<const std::string> texts, Purpose purpose) const override;
  Status write(EmbeddingForm embeddings, const std::filesystem::path& folder) const override;

 private:
  std::size_t layer_count() const { return model_->layer_count(); }
  Status choose(Precisions precisions, const Progress& progress);
  void set_harm_scale();
  Result<PlanLimits> limits_for(std::span<const Budget> budgets);
  Status measure_latencies();
  PrecisionOption option(std::size_t layer, WeightPrecision precision) const;
  std::optional<WeightPrecision> finer(WeightPrecision precision) const;
  bool within(const PlanLimits& limits, std::size_t layer, WeightPrecision changed) const;
  Status try_layer(std::size_t layer, WeightPrecision precision);

  std::unique_ptr<TrialModel> model_;
  std::unique_ptr<LayerTrials> trials_;
  ThreadPool* pool_;
  Precisions ladder_;  // float32, then the schemes' precisions, finest first
  Precisions chosen_;
  HarmScale scale_;
  QuantizedFigures float_figures_;
  // By place in ladder_, then by layer: shares of the time that the whole float32 model takes, for a query and a passage in equal
  // parts. Empty until a budget of latency is given.
  std::vector<std::vector<double>> latencies_;
};

Status Quantizer::choose_everywhere(WeightPrecision precision, const Progress& progress) {
  return choose(Precisions(layer_count(), precision), progress);
}

Status Quantizer::choose(Precisions precisions, const Progress& progress) {
  std::vector<Precisions> wanted;
  for (const WeightPrecision precision : precisions) wanted.push_back({WeightPrecision::kFloat32, precision});
  ORTHANT_TRY(trials_->measure(wanted, progress));
  chosen_ = std::move(precisions);
  set_harm_scale();
  trials_->apply(chosen_);
  return {};
}

void Quantizer::set_harm_scale() {
  scale_ = {};
  for (std::size_t layer = 0; layer < layer_count(); ++layer) {
    for (auto precision = ladder_.rbegin(); precision != ladder_.rend(); ++precision) {
      const LayerTrial* trial = trials_->find(layer, *precision);
      if (trial == nullptr) continue;
      scale_.distance += trial->shift.mean_distance;
      scale_.variance += trial->shift.score_variance;
      break;
    }
  }
}

Status Quantizer::choose_by_budget(std::span<const Budget> budgets, const Progress& progress) {
  ORTHANT_TRY(trials_->measure(std::vector<Precisions>(layer_count(), ladder_), progress));
  set_harm_scale();
  const PlanLimits limits = ORTHANT_TRY(limits_for(budgets));
  std::vector<std::vector<PrecisionOption>> options(layer_count());
  for (std::size_t layer = 0; layer < layer_count(); ++layer) {
    for (const WeightPrecision precision : ladder_) options[layer].push_back(option(layer, precision));
  }
  const std::vector<std::size_t> places = ORTHANT_TRY(choose_precisions(options, limits));
  Precisions precisions;
  for (const std::size_t place : places) precisions.push_back(ladder_[place]);
  return choose(std::move(precisions), {});
}

Status Quantizer::choose_plan(std::span<const std::pair<std::string, LayerScheme>> plan, const Progress& progress) {
  Precisions precisions(layer_count(), WeightPrecision::kFloat32);
  for (const auto& [name, scheme] : plan) {
    std::size_t layer = 0;
    while (layer < layer_count() && model_->layer(layer).name != name) ++layer;
    if (layer == layer_count()) {
      return invalid_argument(fmt::format("the plan names the layer \"{}\", which {} does not have (its first is \"{}\")", name,
                                          model_->info().name, model_->layer(0).name));
    }
    if (scheme.precision != WeightPrecision::kFloat32) trials_->set_scheme(layer, scheme);
    if (std::ranges::find(ladder_, scheme.precision) == ladder_.end()) ladder_.push_back(scheme.precision);
    precisions[layer] = scheme.precision;
  }
  latencies_.clear();
  return choose(std::move(precisions), progress);
}

Status Quantizer::choose_weights(std::vector<LinearWeights> layers, const Progress& progress) {
  assert(layers.size() == layer_count());
  Precisions precisions;
  for (std::size_t layer = 0; layer < layer_count(); ++layer) {
    const WeightPrecision precision = layers[layer].precision();
    precisions.push_back(precision);
    if (precision == WeightPrecision::kFloat32) continue;
    trials_->set_weights(layer, std::move(layers[layer]));
    if (std::ranges::find(ladder_, precision) == ladder_.end()) ladder_.push_back(precision);
  }
  latencies_.clear();
  return choose(std::move(precisions), progress);
}

Result<PlanLimits> Quantizer::limits_for(std::span<const Budget> budgets) {
  PlanLimits limits;
  const auto tighten = [](std::optional<double>& limit, double value) { limit = std::min(limit.value_or(value), value); };
  for (const Budget& budget : budgets) {
    if (budget.kind == Budget::Kind::kMemory) {
      tighten(limits.bytes, budget.limit(static_cast<double>(float_figures_.linear_bytes)));
      continue;
    }
    ORTHANT_TRY(measure_latencies());
    double linear = 0;
    for (const double share : latencies_.front()) linear += share;
    // The rest of the model takes its time whatever the plan.
    tighten(limits.latency, budget.limit(1) - std::max(0.0, 1 - linear));
  }
  return limits;
}

Status Quantizer::measure_latencies() {
  if (latencies_.size() == ladder_.size()) return {};
  ORTHANT_TRY(trials_->measure(std::vector<Precisions>(layer_count(), ladder_), {}));
  latencies_.clear();
  for (const WeightPrecision precision : ladder_) {
    std::vector<const LinearWeights*> weights;
    for (std::size_t layer = 0; layer < layer_count(); ++layer) weights.push_back(&trials_->weights(layer, precision));
    std::vector<double>& shares = latencies_.emplace_back();
    for (const LayerLatency& latency : measure_layers(weights, model_->transformer().level())) {
      shares.push_back((latency.query / float_figures_.latency.query + latency.passage / float_figures_.latency.passage) / 2);
    }
  }
  return {};
}

PrecisionOption Quantizer::option(std::size_t layer, WeightPrecision precision) const {
  const LayerTrial& trial = *trials_->find(layer, precision);
  const auto place = static_cast<std::size_t>(std::ranges::find(ladder_, precision) - ladder_.begin());
  return {.bytes = static_cast<double>(trial.memory_bytes),
          .latency = latencies_.empty() ? 0 : latencies_[place][layer],
          .harm = scale_.harm(trial.shift)};
}

// The next one up the ladder that has more bits.
std::optional<WeightPrecision> Quantizer::finer(WeightPrecision precision) const {
  const auto bits = [](WeightPrecision of) {
    switch (of) {
      case WeightPrecision::kInt4:
      case WeightPrecision::kNf4: return 4;
      case WeightPrecision::kInt8: return 8;
      case WeightPrecision::kFloat16:
      case WeightPrecision::kBfloat16: return 16;
      default: return 32;
    }
  };
  std::optional<WeightPrecision> next;
  for (const WeightPrecision other : ladder_) {
    if (bits(other) > bits(precision) && (!next || bits(other) < bits(*next))) next = other;
  }
  return next;
}

bool Quantizer::within(const PlanLimits& limits, std::size_t layer, WeightPrecision changed) const {
  PrecisionOption sum;
  for (std::size_t i = 0; i < layer_count(); ++i) {
    const PrecisionOption cost = option(i, i == layer ? changed : chosen_[i]);
    sum.bytes += cost.bytes;
    sum.latency += cost.latency;
  }
  constexpr double kRounding = 1 + 1e-9;  // sums in another order
  return sum.bytes <= limits.bytes.value_or(sum.bytes) * kRounding &&
         sum.latency <= limits.latency.value_or(sum.latency) * kRounding;
}

Status Quantizer::try_layer(std::size_t layer, WeightPrecision precision) {
  std::vector<Precisions> wanted(layer_count());
  wanted[layer] = {precision};
  return trials_->measure(wanted, {});
}

Result<std::optional<StepBack>> Quantizer::step_back(std::span<const Budget> budgets) {
  const PlanLimits limits = ORTHANT_TRY(limits_for(budgets));
  std::vector<std::pair<double, std::size_t>> order;  // most harm first
  for (std::size_t layer = 0; layer < layer_count(); ++layer) order.emplace_back(-option(layer, chosen_[layer]).harm, layer);
  std::ranges::sort(order);
  for (const auto& [harm, layer] : order) {
    const auto next = finer(chosen_[layer]);
    if (!next) continue;
    ORTHANT_TRY(try_layer(layer, *next));
    if (!within(limits, layer, *next)) continue;
    const StepBack step{model_->layer(layer).name, chosen_[layer], *next};
    chosen_[layer] = *next;
    trials_->apply(chosen_);
    return step;
  }
  return std::nullopt;
}

std::vector<LayerReport> Quantizer::layers() const {
  std::vector<LayerReport> reports;
  for (std::size_t layer = 0; layer < layer_count(); ++layer) {
    const LinearInfo& described = model_->layer(layer);
    const LayerTrial& trial = *trials_->find(layer, chosen_[layer]);
    LayerReport report{.name = described.name,
                       .outputs = described.outputs,
                       .inputs = described.inputs,
                       .scheme = trials_->scheme(layer, chosen_[layer]),
                       .memory_bytes = trial.memory_bytes,
                       .sensitivity = 0,
                       .shift = trial.shift,
                       .error = trial.error,
                       .tried = {}};
    for (const WeightPrecision precision : ladder_) {
      const LayerTrial* tried = trials_->find(layer, precision);
      if (tried == nullptr || precision == WeightPrecision::kFloat32) continue;
      report.tried.emplace_back(precision, tried->shift);
      report.sensitivity = scale_.harm(tried->shift);  // the last one is the coarsest
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Result<QuantizedFigures> Quantizer::figures() const {
  QuantizedFigures figures;
  for (std::size_t layer = 0; layer < layer_count(); ++layer) figures.linear_bytes += model_->layer(layer).memory_bytes;
  figures.model_bytes = model_->transformer().memory_bytes();
  figures.latency = {ORTHANT_TRY(model_->seconds_per_text(kQueryTokens)), ORTHANT_TRY(model_->seconds_per_text(kPassageTokens))};
  figures.shift = ORTHANT_TRY(trials_->shift());
  return figures;
}

Result<EmbeddingMatrix> Quantizer::embed(std::span<const std::string> texts, Purpose purpose) const {
  return model_->embed(model_->tokenize(texts, purpose), pool_);
}

Status Quantizer::write(EmbeddingForm embeddings, const std::filesystem::path& folder) const {
  std::vector<LinearWeights> layers;
  for (std::size_t layer = 0; layer < layer_count(); ++layer) layers.push_back(trials_->weights(layer, chosen_[layer]));
  return write_quantized_folder(model_->transformer(), model_->info().folder, layers, embeddings, folder);
}

}  // namespace

Result<std::unique_ptr<ModelQuantizer>> ModelQuantizer::load(QuantizerOptions options, ThreadPool* pool) {
  std::unique_ptr<TrialModel> model = ORTHANT_TRY(TrialModel::load(options.folder, options.name, options.max_seq_length));
  std::unique_ptr<LayerTrials> trials = ORTHANT_TRY(LayerTrials::make(*model, options.texts, options.schemes, pool));
  Precisions ladder = {WeightPrecision::kFloat32};
  for (const LayerScheme& scheme : options.schemes) ladder.push_back(scheme.precision);
  auto quantizer = std::make_unique<Quantizer>(std::move(model), std::move(trials), std::move(ladder), pool);
  ORTHANT_TRY(quantizer->measure_float());
  return std::unique_ptr<ModelQuantizer>(std::move(quantizer));
}

}  // namespace orthant
