// The settings as text for people: --help, --print-config, docs/settings.md.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/settings_table.h"

namespace orthant {
namespace {

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

std::string spaced(std::string_view flag, std::string_view value_name) {
  return value_name.empty() ? std::string(flag) : fmt::format("{} {}", flag, value_name);
}

std::string help_of(const SettingRow& row) {
  const std::string default_value = setting_default_text(row);
  std::string text = fmt::format("  {}\n", spaced(setting_flag(row), row.value_name));
  text += wrapped(row.help, "      ");
  text += fmt::format("      {}{}{}\n", setting_variable(row), row.name == "config" ? "" : ", " + setting_key(row),
                      default_value.empty() ? "" : "; default " + default_value);
  return text;
}

// A YAML scalar that reads back as the same text.
std::string yaml_scalar(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(":#{}[],&*!|>'\"%@` \t\n\\") == std::string_view::npos &&
                     !text.starts_with('-') && !text.starts_with('?');
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string yaml_value(const SettingRow& row, const Settings& settings) {
  if (const auto* list = std::get_if<std::vector<std::string> Settings::*>(&row.member)) {
    std::string text;
    for (const std::string& element : settings.**list) text += (text.empty() ? "" : ", ") + yaml_scalar(element);
    if (text.empty()) text = yaml_scalar(setting_default_text(row));
    return text == "\"\"" ? text : "[" + text + "]";
  }
  const std::string text = setting_value_text(row, settings);
  if (row.kind == SettingKind::kSecret && !text.empty()) return "\"********\"";
  return yaml_scalar(text);
}

}  // namespace

std::string settings_help(std::string_view program) {
  std::string help = fmt::format(
      "{}: text in, ranked documents out. Serves collections of embedded documents over HTTP.\n\n"
      "Usage: {} [options]\n\n"
      "  {} --data ./data --http-port 6333 --model all-MiniLM-L6-v2\n\n"
      "Each setting is a flag, an environment variable and a key in the file of --config; a flag goes before\n"
      "a variable, a variable before the file.\n",
      program, program, program);
  std::string_view group;
  for (const SettingRow& row : setting_rows()) {
    if (row.group != group) help += fmt::format("\n{}:\n", row.group);
    group = row.group;
    help += help_of(row);
  }
  help += "\nCommands:\n";
  for (const SettingCommand& command : setting_commands()) {
    help += fmt::format("  {}\n", spaced(command.flag, command.value_name)) + wrapped(command.help, "      ");
  }
  return help;
}

std::string settings_yaml(const ParsedSettings& parsed) {
  std::string text;
  std::string_view group;
  for (const SettingRow& row : setting_rows()) {
    if (row.name == "config") continue;
    if (row.group != group) text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", row.group);
    group = row.group;
    const std::string key = setting_key(row);
    const auto origin = parsed.origins.find(key);
    const std::string value = yaml_value(row, parsed.settings);
    // An empty text cannot be written into a file: the line shows that the setting is there.
    const bool unset = value == "\"\"";
    text += fmt::format("{}{}:{}  # {}\n", unset ? "# " : "", key, unset ? "" : " " + value,
                        origin == parsed.origins.end() ? "default" : origin->second);
  }
  return text;
}

std::string settings_markdown() {
  std::string text =
      "# Settings\n\n"
      "Made from the table in `engine/settings_table.cpp` (ORTHANT_WRITE_DOCS=1 makes the test that compares the two write it). A "
      "flag\n"
      "goes before an environment variable, a variable before the file that `--config` names (YAML, one `key: value` a line), the "
      "file\n"
      "before the default. Unknown flags and keys are errors. Bytes may be written with KiB, MiB or GiB. A key of `Security` may "
      "be\n"
      "written as `file:PATH`: it is read from the first line of that file.\n\n"
      "| command | what it does |\n|---|---|\n";
  for (const SettingCommand& command : setting_commands()) {
    text += fmt::format("| `{}` | {} |\n", spaced(command.flag, command.value_name), command.help);
  }
  std::string_view group;
  for (const SettingRow& row : setting_rows()) {
    if (row.group != group) {
      text += fmt::format(
          "\n## {}\n\n| flag | variable | key | default | unit | what it does, and when to change it "
          "|\n|---|---|---|---|---|---|\n",
          row.group);
    }
    group = row.group;
    const std::string default_value = setting_default_text(row);
    text += fmt::format("| `{}` | `{}` | {} | {} | {} | {} |\n", setting_flag(row), setting_variable(row),
                        row.name == "config" ? "" : "`" + setting_key(row) + "`",
                        default_value.empty() ? "" : "`" + default_value + "`", setting_unit_text(row.unit), row.help);
  }
  return text;
}

}  // namespace orthant
