#pragma once
// Trainer: makes an encoder better when it is quantized: reads a model folder, trains it on examples, writes a model folder that
// Encoder loads. The door of encoder/training; names nothing of libtorch. A run is determined by its options and data: the same
// ones give the same weights to the bit, whether or not it was killed in between (on the same machine and number of threads). One
// thread at a time; works on libtorch's own threads.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/training/training_data.h"
#include "encoder/training/training_options.h"

namespace orthant {

struct StepReport {
  std::uint64_t step = 0;  // done, from 1
  std::uint64_t all_steps = 0;
  double loss = 0;
  double rate = 0;
  double gradient_norm = 0;
  std::size_t tokens = 0;  // of this step
  double seconds = 0;      // of this step
};

// On the dev set. Of pairs nDCG@10 of an exact search in each form; of scored pairs Spearman's correlation; of labels accuracy
// (`float_search` alone); of texts the share of the ten nearest neighbours that the float model had at the start.
struct DevScores {
  double float_search = 0;
  double int8_search = 0;
  double binary_search = 0;

  // "float", "int8" or "binary".
  double of(std::string_view metric) const;
};

struct EvaluationReport {
  std::uint64_t step = 0;
  DevScores scores;
  bool best = false;
};

// Bytes that training takes at its peak, before it starts.
struct MemoryForecast {
  std::size_t weights = 0;
  std::size_t gradients = 0;
  std::size_t optimizer = 0;
  std::size_t activations = 0;
  std::size_t other = 0;  // libtorch itself, the data, a copy while a model is written
  std::string fitted;     // what was changed to fit the budget, in words
  std::size_t all() const { return weights + gradients + optimizer + activations + other; }
};

// What became of the weights as integers. Shares of the dev metric; NaN without a dev set.
struct ConversionReport {
  std::filesystem::path folder;
  double float_score = 0;      // of the trained weights in float32
  double training_score = 0;   // of training's own forward, rounding included
  double converted_score = 0;  // of the folder, as Encoder runs it
  // Of embeddings of calibration texts: the folder's against those of training's own forward.
  double mean_cosine = 0;
  double least_cosine = 0;
  std::vector<std::string> steps_back;  // "encoder.layer.0.output from int4 to int8"
};

struct TrainingOutcome {
  std::uint64_t steps = 0;         // of the whole run
  std::uint64_t resumed_from = 0;  // 0: from the start
  bool stopped_early = false;
  double last_loss = 0;
  std::optional<EvaluationReport> start;
  std::optional<EvaluationReport> best;
  std::optional<ConversionReport> conversion;
  double seconds = 0;  // of this process
};

class Trainer {
 public:
  struct Observer {
    std::function<void(const StepReport&)> step = [](const StepReport&) {};
    std::function<void(const EvaluationReport&)> evaluation = [](const EvaluationReport&) {};
  };

  // `dev` may be empty: then the last model is the best. invalid_argument names the option that does not fit the data;
  // resource_exhausted gives the forecast when it exceeds `memory_limit` bytes (0: machine_memory_bytes()) or
  // options.memory.budget; errors of folders as Encoder::load gives them.
  static Result<std::unique_ptr<Trainer>> make(TrainingOptions options, TrainingData train, TrainingData dev,
                                               std::size_t memory_limit = 0);
  virtual ~Trainer() = default;

  // What is done otherwise than it was told, each a line.
  virtual std::span<const std::string> notes() const = 0;
  virtual const MemoryForecast& forecast() const = 0;
  virtual std::uint64_t all_steps() const = 0;
  // The newest checkpoint of this recipe in the output folder; 0: none. failed_precondition when there are some of another recipe.
  virtual Result<std::uint64_t> checkpointed_step() const = 0;

  // Goes on from that checkpoint. Writes OUTPUT/model at the end, checkpoints and metrics on the way; of what was trained in int8,
  // int4 or mixed weights also OUTPUT/quantized, which Encoder loads and runs in integers. failed_precondition when these lose more
  // than is tolerated and may not step back; the float model is there all the same.
  virtual Result<TrainingOutcome> run(const Observer& observer) = 0;
};

// What an encoder of that folder, in those weights, makes of a dev set that is not empty. Of texts the share of neighbours is that
// of itself.
Result<DevScores> score_encoder(const std::filesystem::path& folder, WeightPrecision weights, const TrainingData& dev);

}  // namespace orthant
