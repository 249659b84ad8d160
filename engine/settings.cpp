#include "engine/settings.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "encoder/encoder_registry.h"
#include "engine/settings_table.h"

namespace orthant {
namespace {

using Values = std::vector<std::pair<const SettingRow*, std::vector<FoundSetting>>>;

void add_value(Values& values, const SettingRow* row, FoundSetting found) {
  const auto known = std::ranges::find(values, row, [](const auto& entry) { return entry.first; });
  if (known != values.end()) {
    known->second.push_back(std::move(found));
  } else {
    values.push_back({row, {std::move(found)}});
  }
}

// Values of one source replace those of the sources below it: lists are emptied first.
Status apply_values(ParsedSettings& parsed, const Values& values) {
  for (const auto& [row, found] : values) {
    if (const auto* list = std::get_if<std::vector<std::string> Settings::*>(&row->member)) (parsed.settings.**list).clear();
    for (const FoundSetting& value : found) ORTHANT_TRY(set_setting(parsed.settings, *row, value));
    parsed.origins[setting_key(*row)] = found.back().where;
  }
  return {};
}

// ---- flags ----

bool take_command(ParsedSettings& parsed, std::string_view argument) {
  if (argument == "--help" || argument == "-h") return parsed.show_help = true;
  if (argument == "--version") return parsed.show_version = true;
  if (argument == "--check-config") return parsed.check_config = true;
  if (argument == "--print-config") return parsed.print_config = true;
  if (argument == "--man") return parsed.print_man = true;
  return false;
}

Status take_completion(ParsedSettings& parsed, std::string_view shell) {
  if (std::ranges::find(kCompletionShells, shell) == std::end(kCompletionShells)) {
    return invalid_argument(fmt::format("--completion: found \"{}\", expected bash, zsh or fish", shell));
  }
  parsed.completion_shell = shell;
  return {};
}

Result<Values> read_flags(ParsedSettings& parsed, std::span<const char* const> arguments) {
  Values values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (take_command(parsed, argument)) continue;
    const std::size_t equals = argument.find('=');
    const std::string_view flag = argument.substr(0, equals);
    const SettingRow* row = flag.starts_with("--") ? find_setting(flag.substr(2)) : nullptr;
    const bool completion = flag == "--completion";
    // A key may stand after the '=' of a mistyped flag.
    if (row == nullptr && !completion) return invalid_argument(fmt::format("{}: unknown option (--help lists them)", flag));
    std::string value = "true";
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (completion || !is_switch(*row)) {
      if (i + 1 == arguments.size()) {
        return invalid_argument(
            fmt::format("{}: found nothing after it, expected {}", flag, completion ? "SHELL" : row->value_name));
      }
      value = arguments[++i];
    }
    if (completion) {
      ORTHANT_TRY(take_completion(parsed, value));
    } else {
      add_value(values, row, {setting_flag(*row), std::move(value)});
    }
  }
  return values;
}

// ---- environment ----

void add_comma_separated(Values& values, const SettingRow* row, const std::string& where, std::string_view list) {
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    add_value(values, row, {where, std::string(list.substr(start, comma - start))});
    start = comma + 1;
  }
}

// A variable that is set but empty counts as not set, as service managers write it.
Values read_environment() {
  Values values;
  for (const SettingRow& row : setting_rows()) {
    const std::string variable = setting_variable(row);
    const char* text = std::getenv(variable.c_str());
    if (text == nullptr || *text == '\0') continue;
    if (is_list(row)) {
      add_comma_separated(values, &row, variable, text);
    } else {
      add_value(values, &row, {variable, text});
    }
  }
  return values;
}

// ---- file ----

std::string place(const std::string& key, const std::string& file, const YAML::Node& node) {
  return fmt::format("{} in {} line {}", key, file, node.Mark().line + 1);
}

Status add_yaml_value(Values& values, const SettingRow& row, const std::string& file, const YAML::Node& key,
                      const YAML::Node& node) {
  const std::string where = place(key.Scalar(), file, key);
  if (node.IsScalar()) {
    add_value(values, &row, {where, node.Scalar()});
  } else if (is_list(row) && node.IsSequence()) {
    for (const YAML::Node& element : node) {
      if (!element.IsScalar()) return invalid_argument(where + ": expected a list of plain values");
      add_value(values, &row, {place(key.Scalar(), file, element), element.Scalar()});
    }
  } else {
    return invalid_argument(fmt::format("{}: expected {}", where, is_list(row) ? "a value or a list of values" : "a single value"));
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
    const auto row = std::ranges::find(setting_rows(), key, setting_key);
    if (row == setting_rows().end() || row->name == "config") {
      return invalid_argument(fmt::format("{}: unknown key (--help lists them)", place(key, file, entry.first)));
    }
    const bool twice = std::ranges::any_of(values, [&](const auto& known) { return known.first == &*row; });
    if (twice) return invalid_argument(fmt::format("{}: the key stands there twice", place(key, file, entry.first)));
    ORTHANT_TRY(add_yaml_value(values, *row, file, entry.first, entry.second));
  }
  return values;
}

Result<Values> read_file(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) {
    // An empty file sets the stream's fail bit as an unreadable one does.
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error) && std::filesystem::file_size(file, error) == 0) return Values();
    return invalid_argument(fmt::format("--config: cannot read \"{}\"", file));
  }
  try {
    return read_yaml(YAML::Load(text.str()), file);
  } catch (const YAML::Exception& exception) {
    return invalid_argument(fmt::format("{} line {}: {}", file, exception.mark.line + 1, exception.msg));
  }
}

// ---- what must hold between settings ----

Status check_together(const Settings& settings) {
  if (settings.tls_cert.empty() != settings.tls_key.empty()) {
    return invalid_argument("tls_cert and tls_key: found only one of them, expected both or none");
  }
  if (!settings.tls_client_ca.empty() && settings.tls_cert.empty()) {
    return invalid_argument("tls_client_ca: found without tls_cert and tls_key, expected them too");
  }
  if (settings.jwt && settings.api_key.empty() && settings.alt_api_key.empty()) {
    return invalid_argument("jwt: found without api_key, expected the key that tokens are signed with");
  }
  const bool shared = !settings.read_only_api_key.empty() &&
                      (settings.read_only_api_key == settings.api_key || settings.read_only_api_key == settings.alt_api_key);
  if (shared) return invalid_argument("read_only_api_key: found the key that may write, expected another one");
  const bool mixed = settings.cors_origins.size() > 1 && std::ranges::any_of(settings.cors_origins, [](const std::string& origin) {
                       return origin == "*" || origin == "none";
                     });
  if (mixed) return invalid_argument("cors_origin: found * or none among others, expected it alone");
  return {};
}

}  // namespace

Result<ParsedSettings> parse_settings(std::span<const char* const> arguments) {
  ParsedSettings parsed;
  const Values flags = ORTHANT_TRY(read_flags(parsed, arguments));
  const Values environment = read_environment();
  std::string file;
  for (const Values* values : {&environment, &flags}) {
    for (const auto& [row, found] : *values) {
      if (row->name == "config") file = found.back().text;
    }
  }
  if (!file.empty()) ORTHANT_TRY(apply_values(parsed, ORTHANT_TRY(read_file(file))));
  ORTHANT_TRY(apply_values(parsed, environment));
  ORTHANT_TRY(apply_values(parsed, flags));
  ORTHANT_TRY(check_together(parsed.settings));
  if (parsed.settings.data_dir.empty()) parsed.settings.data_dir = orthant_home() / "data";
  return parsed;
}

}  // namespace orthant
