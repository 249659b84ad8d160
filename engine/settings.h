#pragma once
// Settings of the daemon: one table of rows (settings.cpp) gives each its flag, environment name (ORTHANT_...), key in the YAML
// file, default and help. Precedence: flag, environment, file, default. Plain values; parsed once at start.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/weight_precision.h"

namespace orthant {

struct Settings {
  std::filesystem::path data_dir;       // default: $ORTHANT_HOME/data
  std::filesystem::path snapshots_dir;  // empty: snapshots/ in data_dir
  std::string host = "127.0.0.1";
  std::uint16_t http_port = 6333;    // 0: a free port, printed at start
  std::vector<std::string> models;   // NAME_OR_DIR or NAME=DIR; empty: the default model; "none" alone: no model
  std::vector<std::string> weights;  // PRECISION or NAME=PRECISION; empty: auto
  std::string config_file;           // YAML
  std::string log_level = "info";
  bool sync_every_write = false;  // every write is synced before its answer, whatever `wait` says
  std::size_t threads = 0;        // of the encode and search pools each; 0: one a core
  std::size_t max_body_bytes = std::size_t{32} << 20;
  std::size_t max_connections = 10'000;
  std::size_t idle_timeout_s = 75;
  std::size_t request_timeout_s = 60;
  std::size_t block_cache_bytes = std::size_t{256} << 20;  // RocksDB's cache of data blocks
  std::size_t max_queued_texts_tokens = std::size_t{1} << 20;
  std::size_t memory_budget_bytes = 0;  // of all vector indexes; 0: half of the memory that the process may use
  std::size_t query_cache_mb = 16;      // MiB of recent query embeddings; 0: none are kept
};

// What the command line asked for beside settings.
struct ParsedSettings {
  Settings settings;
  bool show_help = false;
  bool show_version = false;
  bool check_config = false;
};

// `arguments` without the program's name. invalid_argument names the flag, variable or file key, what was found and what is
// expected; an unknown key in the file is an error.
Result<ParsedSettings> parse_settings(std::span<const char* const> arguments);

// The precision that a model's weights are loaded in: the last row with its name, else the last one without any, else auto.
// invalid_argument for what is no precision.
Result<WeightPrecision> weights_of_model(const Settings& settings, std::string_view model);

// The text of --help, made from the table.
std::string settings_help(std::string_view program);

// For docs/settings.md: the table as Markdown.
std::string settings_markdown();

}  // namespace orthant
