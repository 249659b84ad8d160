#pragma once
// The examples that a recipe's sources hold, read whole: files of lines (.jsonl, .json, .ndjson, else tab-separated; packed by gzip
// or zstd as well) and retrieval sets. Free functions.

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "api/train/recipe.h"
#include "base/result.h"
#include "encoder/training/training_data.h"

namespace orthant {

// What is told about a source: lines that were left out, pairs that were found.
using TellUser = std::function<void(const std::string& line)>;

// All sources as one list, each limited by itself. invalid_argument names file and line of a bad one, once more are bad than the
// source tolerates; sources of different kinds are refused.
Result<TrainingData> read_sources(std::span<const DataSource> sources, std::uint64_t seed, const TellUser& tell);

// Takes the dev examples out of `train` (or reads them from their own sources).
Result<TrainingData> take_dev_set(const DevOptions& options, std::uint64_t seed, TrainingData& train, const TellUser& tell);

}  // namespace orthant
