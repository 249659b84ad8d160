#pragma once
// Logging: one line an event, to standard error, with time, level, text and fields. Messages are made with fmt's format strings by
// the caller: log_info(fmt::format("listening on {}", port)). Safe from any thread. Libraries log only what an operator must know.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace orthant {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error".
Result<LogLevel> parse_log_level(std::string_view name);

// Events below the level are dropped. Default: kInfo.
void set_log_level(LogLevel level);

// How lines look. kText: `TIME LEVEL MESSAGE name=value ...`, line feeds and other control characters escaped. kJson: one object,
// {"time", "level", "message", NAME: VALUE, ...}. Default: kText. Before the first event.
enum class LogFormat { kText, kJson };
void set_log_format(LogFormat format);

// What belongs to an event beside its text.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};
using LogFields = std::vector<LogField>;

void log_debug(std::string_view message, const LogFields& fields = {});
void log_info(std::string_view message, const LogFields& fields = {});
void log_warning(std::string_view message, const LogFields& fields = {});
void log_error(std::string_view message, const LogFields& fields = {});

// The fields as members of a JSON object, each with a comma before it: `,"name":"value"`. Also for files of events.
void append_json_fields(std::string& out, const LogFields& fields);

}  // namespace orthant
