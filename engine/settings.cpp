#include "engine/settings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/log.h"
#include "encoder/encoder_registry.h"

namespace orthant {
namespace {

enum class Unit { kNone, kBytes, kMebibytes, kSeconds, kTokens };

using Member = std::variant<std::filesystem::path Settings::*, std::string Settings::*, std::vector<std::string> Settings::*,
                            std::uint16_t Settings::*, std::size_t Settings::*, bool Settings::*>;

// The flag is --name, the variable ORTHANT_NAME and the key in the file name, with '_' for '-' in the latter two.
struct Row {
  std::string_view name;
  Member member;
  Unit unit;
  std::size_t least;            // of numbers
  std::string_view value_name;  // in --help
  std::string_view help;
};

constexpr Row kRows[] = {
    {"data", &Settings::data_dir, Unit::kNone, 0, "DIR",
     "Directory of the collections; made if absent. One daemon at a time uses it."},
    {"snapshots-dir", &Settings::snapshots_dir, Unit::kNone, 0, "DIR",
     "Directory of snapshots, and the only one that collections are restored from by file:// locations. Empty: snapshots in the "
     "data "
     "directory. Set it to keep them on another disk."},
    {"host", &Settings::host, Unit::kNone, 0, "ADDRESS",
     "Address to listen on. 0.0.0.0 takes requests from other machines: do so only behind something that checks who asks."},
    {"http-port", &Settings::http_port, Unit::kNone, 0, "N", "Port of HTTP. 0 takes a free one and prints it at start."},
    {"model", &Settings::models, Unit::kNone, 0, "NAME_OR_DIR",
     "Embedding model to load: a name in the cache, a folder, or NAME=DIR. Repeat the flag for more (separate them by commas in "
     "the "
     "variable, write a list in the file). The first one of a collection's dimension encodes its texts. "
     "none loads no model: vectors only."},
    {"weights", &Settings::weights, Unit::kNone, 0, "[NAME=]PRECISION",
     "Precision that weights are held and multiplied in: auto, float32, bfloat16, float16, int8, int4, nf4 or mixed. auto is what "
     "the "
     "model's files say. NAME= sets it for one model; repeat the flag as for models. int8 encodes several times as fast at nearly "
     "the "
     "same quality. Collections keep the precision that they were made with and refuse texts in another."},
    {"config", &Settings::config_file, Unit::kNone, 0, "FILE", "YAML file with settings. Not to be set in the file itself."},
    {"log-level", &Settings::log_level, Unit::kNone, 0, "LEVEL", "debug, info, warning or error."},
    {"sync-every-write", &Settings::sync_every_write, Unit::kNone, 0, "",
     "Sync the log to disk before every write is answered, also where a request says wait=false. Turn it on where a power failure "
     "must "
     "not lose the last second of such writes; it makes them slower."},
    {"threads", &Settings::threads, Unit::kNone, 0, "N",
     "Threads for encoding, and as many for searching. 0: one for each core. Lower it where other services share the machine."},
    {"max-body-bytes", &Settings::max_body_bytes, Unit::kBytes, 1024, "N",
     "Largest request body, except for bulk ingestion, which is streamed. Raise it for clients that send larger batches."},
    {"max-connections", &Settings::max_connections, Unit::kNone, 1, "N", "Connections open at once; more are refused."},
    {"idle-timeout-s", &Settings::idle_timeout_s, Unit::kSeconds, 1, "N", "A connection without a request for so long is closed."},
    {"request-timeout-s", &Settings::request_timeout_s, Unit::kSeconds, 1, "N",
     "A request that is not answered in this time is dropped, with status 408."},
    {"block-cache-bytes", &Settings::block_cache_bytes, Unit::kBytes, 0, "N",
     "Cache for stored points (RocksDB's data blocks). Raise it where payloads and float vectors are read often and do not fit."},
    {"memory-budget-bytes", &Settings::memory_budget_bytes, Unit::kBytes, 0, "N",
     "Memory that the vector indexes of all collections may take together. The codes of an index that grows beyond what is left go "
     "to "
     "files in the data directory, and inverted lists take the place of a graph. 0: half of the machine's memory, or of its "
     "control "
     "group's limit. Lower it where other services share the machine."},
    {"max-queued-texts-tokens", &Settings::max_queued_texts_tokens, Unit::kTokens, 512, "N",
     "Tokens of text that may wait for the encoder. Beyond that, requests are answered with status 429; bulk ingestion waits."},
    {"query-cache-mb", &Settings::query_cache_mb, Unit::kMebibytes, 0, "N",
     "Memory for the embeddings of recent query texts: a question that is asked again is not encoded again. 0 keeps none. Raise it "
     "where orthant_query_cache_misses_total grows though questions repeat."},
};

std::string flag_of(const Row& row) {
  return "--" + std::string(row.name);
}
std::string key_of(const Row& row) {
  std::string key(row.name);
  std::ranges::replace(key, '-', '_');
  return key;
}
std::string variable_of(const Row& row) {
  std::string variable = "ORTHANT_" + key_of(row);
  std::ranges::transform(variable, variable.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return variable;
}

const Row* find_row(std::string_view flag_name) {
  const auto found = std::ranges::find(kRows, flag_name, &Row::name);
  return found == std::end(kRows) ? nullptr : found;
}

bool is_switch(const Row& row) {
  return std::holds_alternative<bool Settings::*>(row.member);
}

// ---- values ----

// "32MiB": a number, and for bytes one of the binary suffixes.
std::optional<std::size_t> parse_number(std::string_view text, Unit unit) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix(p, static_cast<std::size_t>(end - p));
  if (suffix.empty()) return value;
  if (unit != Unit::kBytes) return std::nullopt;
  constexpr std::pair<std::string_view, int> kSuffixes[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
  for (const auto& [name, shift] : kSuffixes) {
    if (suffix != name) continue;
    if (value > std::numeric_limits<std::size_t>::max() >> shift) return std::nullopt;
    return value << shift;
  }
  return std::nullopt;
}

// Where a value was found: "--http-port", "ORTHANT_HTTP_PORT" or "http_port in orthant.yaml".
struct Found {
  std::string where;
  std::string text;

  std::unexpected<Error> expected(std::string_view what) const {
    return invalid_argument(fmt::format("{}: found \"{}\", expected {}", where, text, what));
  }
};

template <typename Number>
Status set_number(Number& target, const Row& row, const Found& found) {
  const std::optional<std::size_t> value = parse_number(found.text, row.unit);
  constexpr std::size_t kMost = std::numeric_limits<Number>::max();
  if (value && *value >= row.least && *value <= kMost) {
    target = static_cast<Number>(*value);
    return {};
  }
  const std::string range = kMost == std::numeric_limits<std::size_t>::max() ? fmt::format("{} or larger", row.least)
                                                                             : fmt::format("from {} to {}", row.least, kMost);
  return found.expected("a number, " + range + (row.unit == Unit::kBytes ? " (bytes; KiB, MiB and GiB may follow)" : ""));
}

Status set_switch(bool& target, const Found& found) {
  if (found.text != "true" && found.text != "false") return found.expected("true or false");
  target = found.text == "true";
  return {};
}

Status set_text(std::string& target, const Row& row, const Found& found) {
  if (found.text.empty()) return found.expected("text");
  if (row.name == "log-level" && !parse_log_level(found.text)) return found.expected(row.help);
  target = found.text;
  return {};
}

// "int8" or "NAME=int8": the precision's name.
std::string_view precision_name(std::string_view row) {
  const std::size_t equals = row.rfind('=');
  return equals == std::string_view::npos ? row : row.substr(equals + 1);
}

Status add_to_list(std::vector<std::string>& target, const Row& row, const Found& found) {
  if (row.name == "weights") {
    if (!parse_weight_precision(precision_name(found.text)) || found.text.starts_with('=')) {
      return found.expected("auto, float32, bfloat16, float16, int8, int4, nf4 or mixed, or NAME= and one of these");
    }
  } else if (found.text.empty()) {
    return found.expected("a model's name or folder");
  }
  target.push_back(found.text);
  return {};
}

Status set_value(Settings& settings, const Row& row, const Found& found) {
  return std::visit(
      [&](auto member) -> Status {
        auto& target = settings.*member;
        using Target = std::remove_reference_t<decltype(target)>;
        if constexpr (std::is_same_v<Target, std::filesystem::path>) {
          if (found.text.empty()) return found.expected("a directory");
          target = found.text;
        } else if constexpr (std::is_same_v<Target, std::vector<std::string>>) {
          return add_to_list(target, row, found);
        } else if constexpr (std::is_same_v<Target, std::string>) {
          return set_text(target, row, found);
        } else if constexpr (std::is_same_v<Target, bool>) {
          return set_switch(target, found);
        } else {
          return set_number(target, row, found);
        }
        return {};
      },
      row.member);
}

// Values of one source replace those of the sources below it: lists are emptied first.
Status set_values(Settings& settings, const Row& row, const std::vector<Found>& values) {
  const auto* list = std::get_if<std::vector<std::string> Settings::*>(&row.member);
  if (!values.empty() && list != nullptr) (settings.**list).clear();
  for (const Found& found : values) {
    const Status status = set_value(settings, row, found);
    if (!status) return status;
  }
  return {};
}

// ---- sources ----

using Values = std::vector<std::pair<const Row*, std::vector<Found>>>;

void add_value(Values& values, const Row* row, Found found) {
  const auto known = std::ranges::find(values, row, [](const auto& entry) { return entry.first; });
  if (known != values.end()) {
    known->second.push_back(std::move(found));
  } else {
    values.push_back({row, {std::move(found)}});
  }
}

Status apply_values(Settings& settings, const Values& values) {
  for (const auto& [row, found] : values) {
    const Status status = set_values(settings, *row, found);
    if (!status) return status;
  }
  return {};
}

bool take_request(ParsedSettings& parsed, std::string_view argument) {
  if (argument == "--help" || argument == "-h") return parsed.show_help = true;
  if (argument == "--version") return parsed.show_version = true;
  if (argument == "--check-config") return parsed.check_config = true;
  return false;
}

Result<Values> read_flags(ParsedSettings& parsed, std::span<const char* const> arguments) {
  Values values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (take_request(parsed, argument)) continue;
    const std::size_t equals = argument.find('=');
    const std::string_view flag = argument.substr(0, equals);
    const Row* row = flag.starts_with("--") ? find_row(flag.substr(2)) : nullptr;
    if (row == nullptr) return invalid_argument(fmt::format("{}: unknown option (--help lists them)", argument));
    if (equals != std::string_view::npos) {
      add_value(values, row, {flag_of(*row), std::string(argument.substr(equals + 1))});
    } else if (is_switch(*row)) {
      add_value(values, row, {flag_of(*row), "true"});
    } else if (i + 1 == arguments.size()) {
      return invalid_argument(fmt::format("{}: found nothing after it, expected {}", flag, row->value_name));
    } else {
      add_value(values, row, {flag_of(*row), arguments[++i]});
    }
  }
  return values;
}

void add_comma_separated(Values& values, const Row* row, const std::string& where, std::string_view list) {
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    add_value(values, row, {where, std::string(list.substr(start, comma - start))});
    start = comma + 1;
  }
}

// A variable that is set but empty counts as not set, as service managers write it.
Values read_environment() {
  Values values;
  for (const Row& row : kRows) {
    const std::string variable = variable_of(row);
    const char* text = std::getenv(variable.c_str());
    if (text == nullptr || *text == '\0') continue;
    if (std::holds_alternative<std::vector<std::string> Settings::*>(row.member)) {
      add_comma_separated(values, &row, variable, text);
    } else {
      add_value(values, &row, {variable, text});
    }
  }
  return values;
}

Status add_yaml_value(Values& values, const Row& row, const std::string& where, const YAML::Node& node) {
  const bool list = std::holds_alternative<std::vector<std::string> Settings::*>(row.member);
  if (node.IsScalar()) {
    add_value(values, &row, {where, node.Scalar()});
  } else if (list && node.IsSequence()) {
    for (const YAML::Node& element : node) {
      if (!element.IsScalar()) return invalid_argument(where + ": expected a list of names or folders");
      add_value(values, &row, {where, element.Scalar()});
    }
  } else {
    return invalid_argument(fmt::format("{}: expected {}", where, list ? "a value or a list of values" : "a single value"));
  }
  return {};
}

Result<Values> read_yaml(const YAML::Node& root, const std::string& file) {
  Values values;
  if (root.IsNull()) return values;
  if (!root.IsMap()) return invalid_argument(fmt::format("{}: expected lines of the form \"key: value\"", file));
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) return invalid_argument(fmt::format("{}: expected plain keys", file));
    const std::string& key = entry.first.Scalar();
    const auto row = std::ranges::find(kRows, key, key_of);
    if (row == std::end(kRows) || row->name == "config") {
      return invalid_argument(
          fmt::format("{} in {} line {}: unknown key (--help lists them)", key, file, entry.first.Mark().line + 1));
    }
    const Status added = add_yaml_value(values, *row, fmt::format("{} in {}", key, file), entry.second);
    if (!added) return std::unexpected(added.error());
  }
  return values;
}

Result<Values> read_file(const std::string& file) {
  try {
    return read_yaml(YAML::LoadFile(file), file);
  } catch (const YAML::BadFile&) {
    return invalid_argument(fmt::format("--config: cannot read \"{}\"", file));
  } catch (const YAML::Exception& exception) {
    return invalid_argument(fmt::format("{} line {}: {}", file, exception.mark.line + 1, exception.msg));
  }
}

// ---- help ----

std::string default_text(const Row& row) {
  if (row.name == "data") return "$ORTHANT_HOME/data";
  if (row.name == "model") return "all-MiniLM-L6-v2";
  if (row.name == "weights") return "auto";
  const Settings defaults;
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = defaults.*member;
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

std::string_view unit_text(Unit unit) {
  switch (unit) {
    case Unit::kBytes: return "bytes";
    case Unit::kMebibytes: return "MiB";
    case Unit::kSeconds: return "seconds";
    case Unit::kTokens: return "tokens";
    case Unit::kNone: return "";
  }
  return "";
}

// Breaks at spaces so that lines stay within the width of a terminal.
std::string wrapped(std::string_view text, std::string_view indent) {
  constexpr std::size_t kWidth = 100;
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (column == 0 || column + 1 + word.size() > kWidth) {
      if (column != 0) out += '\n';
      out += indent;
      column = indent.size();
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out + '\n';
}

}  // namespace

Result<ParsedSettings> parse_settings(std::span<const char* const> arguments) {
  ParsedSettings parsed;
  const Values flags = ORTHANT_TRY(read_flags(parsed, arguments));
  const Values environment = read_environment();
  Settings named_file;
  for (const Values* values : {&environment, &flags}) {
    for (const auto& [row, found] : *values) {
      if (row->name == "config") ORTHANT_TRY(set_values(named_file, *row, found));
    }
  }
  if (!named_file.config_file.empty()) ORTHANT_TRY(apply_values(parsed.settings, ORTHANT_TRY(read_file(named_file.config_file))));
  ORTHANT_TRY(apply_values(parsed.settings, environment));
  ORTHANT_TRY(apply_values(parsed.settings, flags));
  if (parsed.settings.data_dir.empty()) parsed.settings.data_dir = orthant_home() / "data";
  return parsed;
}

std::string settings_help(std::string_view program) {
  std::string help = fmt::format(
      "{}: text in, ranked documents out. Serves collections of embedded documents over HTTP.\n\n"
      "Usage: {} [options]\n\n"
      "  {} --data ./data --http-port 6333 --model all-MiniLM-L6-v2\n\n"
      "Options (each also as environment variable and as key in the file of --config; a flag goes before\n"
      "a variable, a variable before the file):\n\n",
      program, program, program);
  for (const Row& row : kRows) {
    const std::string default_value = default_text(row);
    help += fmt::format("  {} {}\n", flag_of(row), row.value_name);
    help += wrapped(row.help, "      ");
    help += fmt::format("      {}{}{}\n", variable_of(row), row.name == "config" ? "" : ", " + key_of(row),
                        default_value.empty() ? "" : "; default " + default_value);
  }
  help += "  --check-config\n      Check the settings, print what is wrong, and end.\n";
  help += "  --version\n  --help\n";
  return help;
}

std::string settings_markdown() {
  std::string text =
      "# Settings\n\n"
      "Made from the table in `engine/settings.cpp` (ORTHANT_WRITE_DOCS=1 makes the test that compares the two write it). A flag "
      "goes before an\n"
      "environment variable, a variable before the file that `--config` names (YAML, one `key: value` a line), the file before "
      "the\n"
      "default. Unknown flags and keys are errors. Bytes may be written with KiB, MiB or GiB. `--check-config` checks all this\n"
      "and ends; `--help` and `--version` print and end.\n\n"
      "| flag | variable | key | default | unit | what it does, and when to change it |\n"
      "|---|---|---|---|---|---|\n";
  for (const Row& row : kRows) {
    const std::string default_value = default_text(row);
    text += fmt::format("| `{}` | `{}` | {} | {} | {} | {} |\n", flag_of(row), variable_of(row),
                        row.name == "config" ? "" : "`" + key_of(row) + "`", default_value.empty() ? "" : "`" + default_value + "`",
                        unit_text(row.unit), row.help);
  }
  return text;
}

Result<WeightPrecision> weights_of_model(const Settings& settings, std::string_view model) {
  std::string_view chosen = "auto";
  bool named = false;
  for (const std::string& row : settings.weights) {
    const std::size_t equals = row.rfind('=');
    const bool is_named = equals != std::string::npos;
    if (is_named ? std::string_view(row).substr(0, equals) != model : named) continue;
    chosen = precision_name(row);
    named = is_named;
  }
  return parse_weight_precision(chosen);
}

}  // namespace orthant
