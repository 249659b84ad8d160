#include "engine/settings_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace orthant {
namespace {

using enum SettingUnit;
using enum SettingKind;

constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kLogFormats[] = {"text", "json"};

constexpr std::string_view kData = "Data and models";
constexpr std::string_view kReach = "Listening and stopping";
constexpr std::string_view kSecurity = "Security";
constexpr std::string_view kLimits = "Limits";
constexpr std::string_view kResources = "Threads, memory and disk";
constexpr std::string_view kLogs = "Logs and figures";

constexpr SettingRow kRows[] = {
    {kData, "data", &Settings::data_dir, kNone, 0, "DIR", kDirectory,
     "Directory of the collections; made if absent. One daemon at a time uses it."},
    {kData, "snapshots-dir", &Settings::snapshots_dir, kNone, 0, "DIR", kDirectory,
     "Directory of snapshots, and the only one that collections are restored from by file:// locations. Empty: snapshots in the "
     "data "
     "directory. Set it to keep them on another disk."},
    {kData, "model", &Settings::models, kNone, 0, "NAME_OR_DIR", kPlain,
     "Embedding model to load: a name in the cache, a folder, or NAME=DIR. Repeat the flag for more (separate them by commas in "
     "the "
     "variable, write a list in the file). The first one of a collection's dimension encodes its texts. "
     "none loads no model: vectors only."},
    {kData, "weights", &Settings::weights, kNone, 0, "[NAME=]PRECISION", kPlain,
     "Precision that weights are held and multiplied in: auto, float32, bfloat16, float16, int8, int4, nf4 or mixed. auto is what "
     "the model's files say. NAME= sets it for one model; repeat the flag as for models. int8 encodes several times as fast at "
     "nearly the same quality. Collections keep the precision that they were made with and refuse texts in another."},
    {kData, "config", &Settings::config_file, kNone, 0, "FILE", kFile,
     "YAML file with settings. Not to be set in the file itself."},

    {kReach, "host", &Settings::host, kNone, 0, "ADDRESS", kPlain,
     "Address to listen on. 0.0.0.0 takes requests from other machines: set keys and TLS before."},
    {kReach, "http-port", &Settings::http_port, kNone, 0, "N", kPlain, "Port of HTTP. 0 takes a free one and prints it at start."},
    {kReach, "drain-delay-s", &Settings::drain_delay_s, kSeconds, 0, "N", kPlain,
     "Time between the signal to stop and the end of listening; /readyz answers 503 meanwhile. Set it to what a load balancer "
     "needs "
     "to see that."},
    {kReach, "drain-timeout-s", &Settings::drain_timeout_s, kSeconds, 0, "N", kPlain,
     "Time that running requests have to end after that; then they are told to."},

    {kSecurity, "api-key", &Settings::api_key, kNone, 0, "KEY", kSecret,
     "Key that requests must bring, in the header api-key or as Authorization: Bearer KEY. Without any key everybody may do "
     "everything. file:PATH reads it from the first line of a file, which keeps it off the command line."},
    {kSecurity, "alt-api-key", &Settings::alt_api_key, kNone, 0, "KEY", kSecret,
     "A second key with the same rights, to change keys without a stop: set the new one here, move the clients, swap."},
    {kSecurity, "read-only-api-key", &Settings::read_only_api_key, kNone, 0, "KEY", kSecret,
     "Key that reads and searches, and changes nothing."},
    {kSecurity, "jwt", &Settings::jwt, kNone, 0, "", kPlain,
     "Accept JSON Web Tokens signed with api-key or alt-api-key (HS256): rights by collection, with an end."},
    {kSecurity, "tls-cert", &Settings::tls_cert, kNone, 0, "FILE", kFile,
     "Certificate chain (PEM). With tls-key, the port speaks HTTPS only. Both files are read again when they change."},
    {kSecurity, "tls-key", &Settings::tls_key, kNone, 0, "FILE", kFile, "Private key (PEM) of tls-cert."},
    {kSecurity, "tls-client-ca", &Settings::tls_client_ca, kNone, 0, "FILE", kFile,
     "Certificates (PEM) that clients' certificates must be signed by. Set it to let in only machines that have one."},
    {kSecurity, "cors-origin", &Settings::cors_origins, kNone, 0, "ORIGIN", kPlain,
     "Web origin whose pages may call, such as https://search.example.com; repeat the flag for more. * allows all, none "
     "none."},
    {kSecurity, "trusted-proxy", &Settings::trusted_proxies, kNone, 0, "ADDRESS", kPlain,
     "Address or network (10.0.0.0/8) of a proxy before the daemon; repeat the flag for more. Its X-Forwarded-For says who a "
     "request "
     "comes from, for limits by client and the audit log."},
    {kSecurity, "audit-log", &Settings::audit_log, kNone, 0, "FILE", kPlain,
     "File that every change and every refused request is added to, one JSON object a line: when, who, from where, what, outcome. "
     "Made anew when it was moved away."},
    {kSecurity, "audit-reads", &Settings::audit_reads, kNone, 0, "", kPlain, "Reads and searches go into the audit log too."},

    {kLimits, "max-body-bytes", &Settings::max_body_bytes, kBytes, 1024, "N", kPlain,
     "Largest request body, except for bulk ingestion, which is streamed. Raise it for clients that send larger batches."},
    {kLimits, "max-header-bytes", &Settings::max_header_bytes, kBytes, 1024, "N", kPlain, "Largest header of a request."},
    {kLimits, "max-connections", &Settings::max_connections, kNone, 1, "N", kPlain, "Connections open at once; more are refused."},
    {kLimits, "max-connections-per-client", &Settings::max_connections_per_client, kNone, 0, "N", kPlain,
     "Connections that one address may have open; more are refused. 0: no limit. A trusted-proxy may have any number."},
    {kLimits, "max-requests-per-second-per-client", &Settings::max_requests_per_second_per_client, kNone, 0, "N", kPlain,
     "Requests that one address may send a second, on the average; a second's worth may come at once. More are answered with 429 "
     "and the time to wait. Health checks do not count. 0: no limit."},
    {kLimits, "idle-timeout-s", &Settings::idle_timeout_s, kSeconds, 1, "N", kPlain,
     "A connection without a request for so long is closed."},
    {kLimits, "header-timeout-s", &Settings::header_timeout_s, kSeconds, 1, "N", kPlain,
     "Time from the first byte of a request to the end of its header, and for a TLS handshake."},
    {kLimits, "body-timeout-s", &Settings::body_timeout_s, kSeconds, 1, "N", kPlain,
     "Time to wait for each next piece of a body. A body of more than a minute must also bring 1 KiB a second."},
    {kLimits, "request-timeout-s", &Settings::request_timeout_s, kSeconds, 1, "N", kPlain,
     "A request that is not answered in this time is dropped, with status 408."},
    {kLimits, "max-queued-texts-tokens", &Settings::max_queued_texts_tokens, kTokens, 512, "N", kPlain,
     "Tokens of text that may wait for the encoder. Beyond that, requests are answered with status 429; bulk ingestion waits."},

    {kResources, "threads", &Settings::threads, kNone, 0, "N", kPlain,
     "Threads for encoding, and as many for searching. 0: one for each core. Lower it where other services share the machine."},
    {kResources, "sync-every-write", &Settings::sync_every_write, kNone, 0, "", kPlain,
     "Sync the log to disk before every write is answered, also where a request says wait=false. Turn it on where a power failure "
     "must not lose the last second of such writes; it makes them slower."},
    {kResources, "block-cache-bytes", &Settings::block_cache_bytes, kBytes, 0, "N", kPlain,
     "Cache for stored points (RocksDB's data blocks). Raise it where payloads and float vectors are read often and do not fit."},
    {kResources, "memory-budget-bytes", &Settings::memory_budget_bytes, kBytes, 0, "N", kPlain,
     "Memory that the vector indexes of all collections may take together. The codes of an index that grows beyond what is left go "
     "to files in the data directory, and inverted lists take the place of a graph. 0: half of the machine's memory, or of its "
     "control group's limit. Lower it where other services share the machine."},
    {kResources, "query-cache-mb", &Settings::query_cache_mb, kMebibytes, 0, "N", kPlain,
     "Memory for the embeddings of recent query texts: a question that is asked again is not encoded again. 0 keeps none. Raise it "
     "where orthant_query_cache_misses_total grows though questions repeat."},

    {kLogs, "log-level", &Settings::log_level, kNone, 0, "LEVEL", kChoice, "debug, info, warning or error.", kLogLevels},
    {kLogs, "log-format", &Settings::log_format, kNone, 0, "FORMAT", kChoice,
     "text, or json: one object a line, for programs that collect logs.", kLogFormats},
    {kLogs, "log-requests", &Settings::log_requests, kNone, 0, "", kPlain, "One line for each request."},
    {kLogs, "slow-request-ms", &Settings::slow_request_ms, kMilliseconds, 0, "N", kPlain,
     "Requests that take at least so long are logged as warnings. 0: none. Streams and health checks do not count."},
};

constexpr SettingCommand kCommands[] = {
    {"--check-config", "", "Check the settings and the files they name, print what is wrong, and end."},
    {"--print-config", "", "Print the settings as a YAML file, with where each comes from and secrets masked, and end."},
    {"--completion", "SHELL", "Print a completion script for bash, zsh or fish, and end."},
    {"--man", "", "Print the manual page (troff), and end."},
    {"--version", "", "Print the version, and end."},
    {"--help", "", "Print this, and end."},
};

}  // namespace

std::span<const SettingRow> setting_rows() {
  return kRows;
}
std::span<const SettingCommand> setting_commands() {
  return kCommands;
}

std::string_view setting_unit_text(SettingUnit unit) {
  switch (unit) {
    case kBytes: return "bytes";
    case kMebibytes: return "MiB";
    case kSeconds: return "seconds";
    case kMilliseconds: return "milliseconds";
    case kTokens: return "tokens";
    case kNone: return "";
  }
  return "";
}

std::string setting_flag(const SettingRow& row) {
  return "--" + std::string(row.name);
}
std::string setting_key(const SettingRow& row) {
  std::string key(row.name);
  std::ranges::replace(key, '-', '_');
  return key;
}
std::string setting_variable(const SettingRow& row) {
  std::string variable = "ORTHANT_" + setting_key(row);
  std::ranges::transform(variable, variable.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return variable;
}
bool is_switch(const SettingRow& row) {
  return std::holds_alternative<bool Settings::*>(row.member);
}
bool is_list(const SettingRow& row) {
  return std::holds_alternative<std::vector<std::string> Settings::*>(row.member);
}
const SettingRow* find_setting(std::string_view name) {
  const auto found = std::ranges::find(kRows, name, &SettingRow::name);
  return found == std::end(kRows) ? nullptr : found;
}

std::string setting_value_text(const SettingRow& row, const Settings& settings) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = settings.*member;
        using Value = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          return value;
        } else if constexpr (std::is_same_v<Value, std::filesystem::path>) {
          return value.string();
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(value, ","));
        } else {
          return fmt::format("{}", value);
        }
      },
      row.member);
}

std::string setting_default_text(const SettingRow& row) {
  if (row.name == "data") return "$ORTHANT_HOME/data";
  if (row.name == "model") return "all-MiniLM-L6-v2";
  if (row.name == "weights") return "auto";
  if (row.name == "cors-origin") return "*";
  return setting_value_text(row, Settings());
}

}  // namespace orthant
