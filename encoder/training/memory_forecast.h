#pragma once
// What a training run takes at its peak, computed before it starts. Free function.

#include <cstddef>

#include "encoder/training/parameter_set.h"
#include "encoder/training/trainable_encoder.h"
#include "encoder/training/trainer.h"

namespace orthant {

// `longest` tokens of a text at most; `checkpointing` as in ForwardOptions.
MemoryForecast forecast_memory(const TrainableEncoder& model, const ParameterSet& parameters, const TrainingOptions& options,
                               std::size_t longest, std::size_t data_bytes);

}  // namespace orthant
