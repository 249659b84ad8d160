#pragma once
// What a training run takes at its peak, computed before it starts, and what is done so that it fits. Free functions.

#include <cstddef>
#include <string>

#include "encoder/training/parameter_set.h"
#include "encoder/training/trainable_encoder.h"
#include "encoder/training/trainer.h"

namespace orthant {

// What the figures depend on beside the options.
struct MemoryNeed {
  const TrainableEncoder& model;
  const ParameterSet& parameters;
  std::size_t longest = 0;       // tokens of a text at most
  std::size_t batch_tokens = 0;  // of all texts of a batch
  std::size_t data_bytes = 0;    // texts, and models beside the one that is trained
};

MemoryForecast forecast_memory(const MemoryNeed& need, const TrainingOptions& options);

// Pages moments, lowers chunk_tokens and sets checkpointing, in this order, until the forecast fits
// options.memory.budget; without a budget nothing. What is computed stays the same but for the order of sums. Gives what was done,
// in words, or nothing. resource_exhausted with the figures when the forecast exceeds `limit` bytes nevertheless.
Result<std::string> fit_memory(const MemoryNeed& need, std::size_t limit, TrainingOptions& options);

}  // namespace orthant
