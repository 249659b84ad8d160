#pragma once
// LayerTrials: each linear layer of a model quantized alone, and what that does to embeddings, to the layer and to memory: the
// label-free sensitivity that plans are made from. Quantizes and measures what is asked for, once. Owns quantized weights, input
// samples and the reference embeddings; exchanges layers of the model it is given. One thread at a time; works on the pool's.
//
// Harms of layers are added up by the planner. 1 - cosine and the variance of score changes are squares of errors, and squares of
// independent errors add (Dong et al., HAWQ-V2, 2020, rest on the same for Hessian traces). Overlaps of rankings do not, and are
// reported only.

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/quantize/embedding_shift.h"
#include "encoder/quantize/quantize_layer.h"
#include "encoder/quantize/trial_model.h"
#include "encoder/quantize/weight_error.h"

namespace orthant {

struct LayerTrial {
  LinearWeights weights;  // nothing in float32
  WeightError error;
  EmbeddingShift shift;  // with this layer alone quantized
  std::size_t memory_bytes = 0;
};

class LayerTrials {
 public:
  // How much of the work of a measure() is done.
  using Progress = std::function<void(std::size_t done, std::size_t all)>;

  // `texts` are what is calibrated and measured on: where there are enough, no text serves both. `schemes` holds one for each
  // precision in use; float32 needs none. `model` and `pool` must outlive this; `pool` may be null.
  static Result<std::unique_ptr<LayerTrials>> make(TrialModel& model, std::span<const std::string> texts,
                                                   std::span<const LayerScheme> schemes, ThreadPool* pool);

  // The scheme of one layer for its precision, from now on; forgets what was measured with another.
  void set_scheme(std::size_t layer, const LayerScheme& scheme);
  // What the layer holds in the precision of these weights, from now on: they were made elsewhere.
  void set_weights(std::size_t layer, LinearWeights weights);
  const LayerScheme& scheme(std::size_t layer, WeightPrecision precision) const { return slot(layer, precision).scheme; }

  // Tries every layer in the precisions wanted of it (one list a layer), all others in float32.
  Status measure(std::span<const std::vector<WeightPrecision>> wanted, const Progress& progress);
  // Null where it was not measured.
  const LayerTrial* find(std::size_t layer, WeightPrecision precision) const;

  // As measured; the layer's own in float32.
  const LinearWeights& weights(std::size_t layer, WeightPrecision precision) const;

  // Makes the model hold these precisions, which were measured.
  void apply(std::span<const WeightPrecision> precisions);
  // How far the model as it is now is from float32.
  Result<EmbeddingShift> shift() const;

  TrialModel& model() { return model_; }
  const TrialModel& model() const { return model_; }
  std::size_t calibration_texts() const { return calibration_.size(); }
  std::size_t measured_texts() const { return measured_.size(); }

 private:
  struct Slot {
    LayerScheme scheme;
    std::optional<LinearWeights> given;  // instead of what the scheme would make
    std::optional<LayerTrial> trial;
  };
  struct Job {
    std::size_t layer = 0;
    WeightPrecision precision = WeightPrecision::kFloat32;
  };
  static constexpr std::size_t kPrecisions = static_cast<std::size_t>(WeightPrecision::kMixed) + 1;

  LayerTrials(TrialModel& model, ThreadPool* pool) : model_(model), pool_(pool) {}
  void split_texts(std::span<const std::string> texts);
  Status collect_samples();
  Status quantize(std::span<const Job> jobs);
  Result<LayerTrial> quantized_trial(const Job& job) const;
  void try_job(const Job& job, const TrialModel::Halfway& halfway);
  Slot& slot(std::size_t layer, WeightPrecision precision) { return slots_[layer][static_cast<std::size_t>(precision)]; }
  const Slot& slot(std::size_t layer, WeightPrecision precision) const {
    return slots_[layer][static_cast<std::size_t>(precision)];
  }

  TrialModel& model_;
  ThreadPool* pool_;
  std::vector<TokenizedText> calibration_;
  std::vector<TokenizedText> measured_;
  std::vector<InputSample> samples_;  // one a layer
  std::optional<EmbeddingComparison> comparison_;
  std::vector<std::array<Slot, kPrecisions>> slots_;
  std::vector<WeightPrecision> applied_;
};

}  // namespace orthant
