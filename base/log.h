#pragma once
// Logging: one line an event, to standard error, with time, level and text. Messages are made with fmt's format strings by the
// caller: log_info(fmt::format("listening on {}", port)). Safe from any thread. Libraries log only what an operator must know.

#include <string_view>

#include "base/result.h"

namespace orthant {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error".
Result<LogLevel> parse_log_level(std::string_view name);

// Events below the level are dropped. Default: kInfo.
void set_log_level(LogLevel level);

void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace orthant
