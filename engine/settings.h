#pragma once
// Settings of the daemon: one table of rows (settings_table.cpp) gives each its flag, environment name (ORTHANT_...), key in the
// YAML file, default and help, and makes --help, the man page, shell completions and docs/settings.md. Precedence: flag,
// environment, file, default. Plain values; parsed once at start.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
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

  // Who may ask. Without any key everybody may do everything.
  std::string api_key;
  std::string alt_api_key;
  std::string read_only_api_key;
  bool jwt = false;  // tokens signed with api_key or alt_api_key
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::vector<std::string> cors_origins;  // empty: "*"; "none" alone: no CORS header is sent

  std::vector<std::string> trusted_proxies;  // addresses and networks whose X-Forwarded-For counts

  // What one client may take. 0: no limit.
  std::size_t max_connections_per_client = 0;
  std::size_t max_requests_per_second_per_client = 0;
  std::size_t max_header_bytes = std::size_t{32} << 10;
  std::size_t header_timeout_s = 20;
  std::size_t body_timeout_s = 30;

  std::size_t drain_delay_s = 0;     // between the signal to stop and the end of listening
  std::size_t drain_timeout_s = 10;  // for running requests

  std::string log_format = "text";  // or json
  bool log_requests = false;
  std::size_t slow_request_ms = 1'000;  // 0: none are logged
  std::string audit_log;                // file; empty: none
  bool audit_reads = false;
};

// What the command line asked for beside settings.
struct ParsedSettings {
  Settings settings;
  bool show_help = false;
  bool show_version = false;
  bool check_config = false;
  bool print_config = false;
  bool print_man = false;
  std::string completion_shell;  // bash, zsh or fish
  // By key, where a value that is not the default comes from: "--host", "ORTHANT_HOST" or "host in FILE line N".
  std::map<std::string, std::string> origins;
};

// `arguments` without the program's name. invalid_argument names the flag, variable or file key, what was found and what is
// expected; an unknown key in the file is an error.
Result<ParsedSettings> parse_settings(std::span<const char* const> arguments);

// The precision that a model's weights are loaded in: the last row with its name, else the last one without any, else auto.
// invalid_argument for what is no precision.
Result<WeightPrecision> weights_of_model(const Settings& settings, std::string_view model);

// The text of --help, made from the table.
std::string settings_help(std::string_view program);

// The settings as a YAML file that would give them, each with where it comes from as a comment; secrets are masked.
std::string settings_yaml(const ParsedSettings& parsed);

// For docs/settings.md: the table as Markdown.
std::string settings_markdown();

// orthantd(8) in troff.
std::string settings_man_page(std::string_view version);

// A completion script for "bash", "zsh" or "fish"; empty for others.
std::string settings_completion(std::string_view shell);

}  // namespace orthant
