#pragma once
// ModelQuantizer: takes a float model folder to a quantized one: tries schemes on its linear layers, chooses a precision for each
// (the same everywhere, the best under budgets, or a plan of the user's), measures the outcome, steps back where it lost too much,
// and writes the folder. The door of encoder/quantize. Norms and embeddings stay as they are; budgets are about the linear layers.
// One thread at a time; works on the pool's.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/embedding.h"
#include "encoder/encoder.h"
#include "encoder/quantize/embedding_shift.h"
#include "encoder/quantize/planner.h"
#include "encoder/quantize/quantize_layer.h"
#include "encoder/quantize/quantized_folder.h"
#include "encoder/quantize/weight_error.h"

namespace orthant {

struct QuantizerOptions {
  std::filesystem::path folder;    // of the float model
  std::string name;                // of the model, for messages
  std::vector<std::string> texts;  // unlabelled; what is calibrated and measured on
  // Finest first, one a precision, without float32, which always comes before them: what a layer can be, and the steps back.
  std::vector<LayerScheme> schemes;
  std::size_t max_seq_length = 0;  // that texts are cut to; 0: what the model's files say
};

// One linear layer and what became of it.
struct LayerReport {
  std::string name;
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  LayerScheme scheme;            // .precision may be float32
  std::size_t memory_bytes = 0;  // packed
  // Of all the harm that the coarsest tried scheme does when every layer has it, the share of this layer: half from embeddings that
  // move, half from neighbours' scores that do (layer_trials.h).
  double sensitivity = 0;
  EmbeddingShift shift;  // this layer alone in the scheme that was chosen
  WeightError error;     // likewise
  // Alone in each precision that was tried.
  std::vector<std::pair<WeightPrecision, EmbeddingShift>> tried;
};

// CPU seconds of one text on one thread, without tokenization.
struct TextLatency {
  double query = 0;    // 12 tokens
  double passage = 0;  // 112 tokens
};

// A model as a whole.
struct QuantizedFigures {
  std::size_t linear_bytes = 0;  // packed linear layers
  std::size_t model_bytes = 0;   // with embeddings and norms
  TextLatency latency;
  EmbeddingShift shift;  // from float32
};

// A layer that was given back bits.
struct StepBack {
  std::string layer;
  WeightPrecision from = WeightPrecision::kFloat32;
  WeightPrecision to = WeightPrecision::kFloat32;
};

class ModelQuantizer {
 public:
  // Layers measured so far, and how many will be.
  using Progress = std::function<void(std::size_t done, std::size_t all)>;

  // invalid_argument for too few texts; what is wrong with the folder as Encoder::load says it; failed_precondition when it is
  // quantized already. `pool` may be null.
  static Result<std::unique_ptr<ModelQuantizer>> load(QuantizerOptions options, ThreadPool* pool);
  virtual ~ModelQuantizer() = default;

  virtual const EncoderInfo& info() const = 0;
  virtual const QuantizedFigures& float_figures() const = 0;
  // Texts that GPTQ, SmoothQuant and static activations saw; texts that shifts are measured on.
  virtual std::size_t calibration_texts() const = 0;
  virtual std::size_t measured_texts() const = 0;

  // Each of these measures what it needs, makes the model hold the choice and replaces the choice before.
  virtual Status choose_everywhere(WeightPrecision precision, const Progress& progress) = 0;
  // The least harm under the budgets, over float32 and all schemes. failed_precondition says what could be reached.
  virtual Status choose_by_budget(std::span<const Budget> budgets, const Progress& progress) = 0;
  // One scheme a layer, by name; layers that are not named stay float32. invalid_argument for names that are no layer's.
  virtual Status choose_plan(std::span<const std::pair<std::string, LayerScheme>> plan, const Progress& progress) = 0;

  // Weights that were made elsewhere (by training), one entry a layer of layers(); float ones mean the layer's own.
  virtual Status choose_weights(std::vector<LinearWeights> layers, const Progress& progress) = 0;

  // The layer that does the most harm as it is now gets the next finer scheme, as far as `budgets` allow. Nothing when no layer
  // can.
  virtual Result<std::optional<StepBack>> step_back(std::span<const Budget> budgets) = 0;

  virtual std::vector<LayerReport> layers() const = 0;
  virtual Result<QuantizedFigures> figures() const = 0;
  // figures().shift, without timing anything.
  virtual Result<EmbeddingShift> shift() const = 0;
  // Of the model as it is chosen now.
  virtual Result<EmbeddingMatrix> embed(std::span<const std::string> texts, Purpose purpose) const = 0;
  // A folder that loads like any other (quantized_folder.h). It appears whole or not at all; already_exists when it is there.
  virtual Status write(EmbeddingForm embeddings, const std::filesystem::path& folder) const = 0;
};

}  // namespace orthant
