#pragma once
// The table that all settings come from, for the files of engine/settings*.cpp. Constants, any thread.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/settings.h"

namespace orthant {

enum class SettingUnit : std::uint8_t { kNone, kBytes, kMebibytes, kSeconds, kMilliseconds, kTokens };
std::string_view setting_unit_text(SettingUnit unit);

// What a value is, beyond the type of its member: how it is checked, completed in a shell, and shown.
enum class SettingKind : std::uint8_t {
  kPlain,
  kChoice,  // one of SettingRow::choices
  kDirectory,
  kFile,    // must be there and readable
  kSecret,  // never shown; "file:PATH" reads it from the first line of a file
};

using SettingMember = std::variant<std::filesystem::path Settings::*, std::string Settings::*, std::vector<std::string> Settings::*,
                                   std::uint16_t Settings::*, std::size_t Settings::*, bool Settings::*>;

// The flag is --name, the variable ORTHANT_NAME and the key in the file name, with '_' for '-' in the latter two.
struct SettingRow {
  std::string_view group;  // heading in the documents
  std::string_view name;
  SettingMember member;
  SettingUnit unit;
  std::size_t least;            // of numbers
  std::string_view value_name;  // in --help; empty for switches
  SettingKind kind;
  std::string_view help;
  std::span<const std::string_view> choices = {};
};

std::span<const SettingRow> setting_rows();

// What the command line knows beside the rows.
struct SettingCommand {
  std::string_view flag;
  std::string_view value_name;
  std::string_view help;
};
std::span<const SettingCommand> setting_commands();
inline constexpr std::string_view kCompletionShells[] = {"bash", "zsh", "fish"};

std::string setting_flag(const SettingRow& row);      // --http-port
std::string setting_key(const SettingRow& row);       // http_port
std::string setting_variable(const SettingRow& row);  // ORTHANT_HTTP_PORT
bool is_switch(const SettingRow& row);
bool is_list(const SettingRow& row);
// Null when unknown. `name` as in the flag, without dashes.
const SettingRow* find_setting(std::string_view name);

std::string setting_default_text(const SettingRow& row);
// As it would be written in a flag; secrets as they are.
std::string setting_value_text(const SettingRow& row, const Settings& settings);

// A value, and where it was found: "--http-port", "ORTHANT_HTTP_PORT" or "http_port in orthant.yaml line 3".
struct FoundSetting {
  std::string where;
  std::string text;

  std::unexpected<Error> expected(std::string_view what) const;
};

// Checks a value and sets it; those of a list are appended. invalid_argument names where it was found and what is expected.
Status set_setting(Settings& settings, const SettingRow& row, const FoundSetting& found);

}  // namespace orthant
