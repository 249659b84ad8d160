// The settings as files that a package installs: the manual page and completion scripts.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/settings_table.h"

namespace orthant {
namespace {

// Troff takes '\' and a '.' or ''' at a line's beginning for itself; '-' alone may be set as a hyphen.
std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.ends_with('\n'))) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string man_option(std::string_view flag, std::string_view value_name, const std::string& text) {
  std::string out = fmt::format(".TP\n\\fB{}\\fR", troff(flag));
  if (!value_name.empty()) out += fmt::format(" \\fI{}\\fR", troff(value_name));
  return out + "\n" + text + "\n";
}

std::string man_row(const SettingRow& row) {
  const std::string default_value = setting_default_text(row);
  std::string text = troff(row.help);
  text += fmt::format("\n.br\nVariable \\fB{}\\fR", setting_variable(row));
  if (row.name != "config") text += fmt::format(", key \\fB{}\\fR", setting_key(row));
  if (!default_value.empty()) text += ", default " + troff(default_value);
  return man_option(setting_flag(row), row.value_name, text + ".");
}

// ---- bash ----

std::string bash_case(std::string_view flag, std::string_view reply) {
  return fmt::format("    {}) {}; return ;;\n", flag, reply);
}

std::string bash_words(std::span<const std::string_view> words) {
  return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", fmt::join(words, " "));
}

std::string bash_reply(const SettingRow& row) {
  if (row.kind == SettingKind::kDirectory) return "COMPREPLY=($(compgen -d -- \"$word\"))";
  if (row.kind == SettingKind::kFile || row.name == "audit-log") return "COMPREPLY=($(compgen -f -- \"$word\"))";
  if (row.kind == SettingKind::kChoice) return bash_words(row.choices);
  return "COMPREPLY=()";
}

std::string bash_completion() {
  std::string cases;
  std::string flags;
  for (const SettingRow& row : setting_rows()) {
    if (!is_switch(row)) cases += bash_case(setting_flag(row), bash_reply(row));
    flags += (flags.empty() ? "" : " ") + setting_flag(row);
  }
  cases += bash_case("--completion", bash_words(kCompletionShells));
  for (const SettingCommand& command : setting_commands()) flags += fmt::format(" {}", command.flag);
  return fmt::format(
      "# Completion of orthantd for bash, made by orthantd --completion bash.\n"
      "_orthantd() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  case $before in\n{}  esac\n"
      "  COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n"
      "}}\n"
      "complete -F _orthantd orthantd\n",
      cases, flags);
}

// ---- zsh ----

// Inside '...[explanation]:message:action'.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// The first sentence, for lists of options.
std::string_view short_help(std::string_view help) {
  const std::size_t end = help.find(". ");
  const std::size_t colon = help.find(": ");
  std::string_view text = help.substr(0, std::min(std::min(end, colon), help.size()));
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

std::string zsh_action(const SettingRow& row) {
  if (row.kind == SettingKind::kDirectory) return "_directories";
  if (row.kind == SettingKind::kFile || row.name == "audit-log") return "_files";
  if (row.kind == SettingKind::kChoice) return fmt::format("({})", fmt::join(row.choices, " "));
  return " ";
}

std::string zsh_completion() {
  std::string lines;
  for (const SettingRow& row : setting_rows()) {
    const std::string repeat = is_list(row) ? "*" : "";
    lines += fmt::format("  '{}{}[{}]", repeat, setting_flag(row), zsh_text(short_help(row.help)));
    if (!is_switch(row)) lines += fmt::format(":{}:{}", zsh_text(row.value_name), zsh_action(row));
    lines += "' \\\n";
  }
  for (const SettingCommand& command : setting_commands()) {
    lines += fmt::format("  '{}[{}]", command.flag, zsh_text(short_help(command.help)));
    if (!command.value_name.empty()) lines += fmt::format(":{}:({})", command.value_name, fmt::join(kCompletionShells, " "));
    lines += "' \\\n";
  }
  return fmt::format(
      "#compdef orthantd\n"
      "# Completion of orthantd for zsh, made by orthantd --completion zsh.\n"
      "_arguments \\\n{}  && return 0\n",
      lines);
}

// ---- fish ----

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string fish_line(std::string_view flag, std::string_view rest, std::string_view help) {
  return fmt::format("complete -c orthantd -l {}{} -d '{}'\n", flag.substr(2), rest, fish_text(short_help(help)));
}

std::string fish_rest(const SettingRow& row) {
  if (is_switch(row)) return " -f";
  if (row.kind == SettingKind::kDirectory) return " -x -a '(__fish_complete_directories)'";
  if (row.kind == SettingKind::kFile || row.name == "audit-log") return " -r -F";
  if (row.kind == SettingKind::kChoice) return fmt::format(" -x -a '{}'", fmt::join(row.choices, " "));
  return " -x";
}

std::string fish_completion() {
  std::string text = "# Completion of orthantd for fish, made by orthantd --completion fish.\n";
  for (const SettingRow& row : setting_rows()) text += fish_line(setting_flag(row), fish_rest(row), row.help);
  for (const SettingCommand& command : setting_commands()) {
    const std::string rest = command.value_name.empty() ? " -f" : fmt::format(" -x -a '{}'", fmt::join(kCompletionShells, " "));
    text += fish_line(command.flag, rest, command.help);
  }
  return text;
}

}  // namespace

std::string settings_man_page(std::string_view version) {
  std::string text = fmt::format(
      ".TH ORTHANTD 8 \"\" \"orthant {}\" \"System administration\"\n"
      ".SH NAME\northantd \\- text in, ranked documents out: a vector retrieval engine\n"
      ".SH SYNOPSIS\n\\fBorthantd\\fR [\\fIoption\\fR ...]\n"
      ".SH DESCRIPTION\n"
      "Serves collections of embedded documents over HTTP until SIGTERM or SIGINT. Each setting is a flag, an environment\n"
      "variable and a key in the YAML file of \\fB\\-\\-config\\fR; a flag goes before a variable, a variable before the file.\n",
      version);
  std::string_view group;
  for (const SettingRow& row : setting_rows()) {
    if (row.group != group) text += fmt::format(".SH \"{}\"\n", row.group);
    group = row.group;
    text += man_row(row);
  }
  text += ".SH COMMANDS\n";
  for (const SettingCommand& command : setting_commands())
    text += man_option(command.flag, command.value_name, troff(command.help));
  text +=
      ".SH \"EXIT STATUS\"\n0: stopped cleanly. 1: could not start. 2: wrong use or settings.\n"
      ".SH \"SEE ALSO\"\n\\fBorthant \\-\\-help\\fR, the command line tool.\n";
  return text;
}

std::string settings_completion(std::string_view shell) {
  if (shell == "bash") return bash_completion();
  if (shell == "zsh") return zsh_completion();
  if (shell == "fish") return fish_completion();
  return {};
}

}  // namespace orthant
