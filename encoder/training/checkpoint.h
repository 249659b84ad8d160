#pragma once
// Checkpoints: all that a run needs to go on as if it had never stopped: weights, moments of the optimizer, the state of the random
// numbers, the step (which is the position in the data, see shuffled_order) and what was best so far. A checkpoint is a folder
// OUTPUT/checkpoints/step-00000100 with state.safetensors and state.json; it appears whole or not at all. Free functions, one
// thread at a time.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "encoder/training/adam_w.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/trainer.h"

namespace orthant {

// What is neither weight nor moment.
struct RunState {
  std::uint64_t step = 0;  // done
  std::string fingerprint;
  std::optional<EvaluationReport> start;
  std::optional<EvaluationReport> best;
  std::uint64_t evaluations_without_better = 0;
};

// Writes the checkpoint of state.step, then removes all but the newest two. Keeps the state of libtorch's default generator.
Status write_checkpoint(const std::filesystem::path& output, const RunState& state, const ParameterSet& parameters,
                        const AdamW& optimizer);

// The newest whole checkpoint; nothing where there is none.
Result<std::optional<RunState>> read_newest_state(const std::filesystem::path& output);

// Puts weights, moments and random numbers of that checkpoint in place. data_corruption when it does not fit the parameters.
Status restore_checkpoint(const std::filesystem::path& output, const RunState& state, const ParameterSet& parameters,
                          AdamW& optimizer);

// The best weights so far, in OUTPUT/best.safetensors; replaced at once or not at all.
Status write_best(const std::filesystem::path& output, const ParameterSet& parameters);
Status restore_best(const std::filesystem::path& output, const ParameterSet& parameters);

}  // namespace orthant
