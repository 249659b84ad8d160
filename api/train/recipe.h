#pragma once
// Recipe: a training run as a YAML file describes it: the model, the data, and one or several stages (TrainingOptions), each of
// which starts from the model of the one before. docs/training.md has the keys. Plain values.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/training/training_data.h"
#include "encoder/training/training_options.h"

namespace orthant {

// Where examples come from: a file, or a retrieval set in BEIR's layout (its judged pairs).
struct DataSource {
  std::filesystem::path file;
  std::filesystem::path beir;
  std::string split = "train";
  ExampleKind kind = ExampleKind::kPairs;
  // Every text of a pair by itself.
  bool as_texts = false;
  bool header = false;                // the first line of a tab-separated file has names
  std::vector<std::int64_t> columns;  // of a tab-separated file, from 1, in the order of parse_tab_example(); empty: as they come
  double score_scale = 1;             // scores are divided by it
  std::size_t limit = 0;              // examples at most, drawn by the seed; 0: all
  std::size_t tolerated_bad_lines = 0;
};

// What is measured on and not trained on.
struct DevOptions {
  std::vector<DataSource> sources;  // empty: a share of the data
  double share = 0;                 // of the queries (or texts), chosen by their hash
  std::size_t limit = 0;            // examples at most; 0: all
  std::size_t distractors = 0;      // of pairs: so many documents of training pairs more to find the answers among
};

struct RecipeStage {
  std::string name;
  TrainingOptions options;  // model and output are set by who runs it
};

struct Recipe {
  std::string model;  // a name in the cache, or a folder
  std::filesystem::path output;
  std::vector<DataSource> data;
  DevOptions dev;
  std::vector<RecipeStage> stages;  // one at least
  std::string text;                 // of the file
};

// Paths that are not absolute are below `data_folder`. invalid_argument names file, line and key.
Result<Recipe> read_recipe(const std::filesystem::path& file, const std::filesystem::path& data_folder);

}  // namespace orthant
