#pragma once
// What of a run's options cannot be meant. A pure function.

#include "base/result.h"
#include "encoder/training/training_data.h"
#include "encoder/training/training_options.h"

namespace orthant {

// invalid_argument names the option: numbers out of range, and options that do not fit each other or the kind of the examples.
Status check_options(const TrainingOptions& options, ExampleKind kind);

}  // namespace orthant
