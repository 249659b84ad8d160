#include "base/log.h"

#include <atomic>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace orthant {
namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%e%z %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

std::atomic<LogFormat> log_format{LogFormat::kText};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_logger_mt("orthant");
    made->set_pattern(kTextPattern);
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

// One event stays one line, whatever a client has put into it.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
}

// Bytes of the UTF-8 sequence at `p` that is well formed as far as its length and continuation bytes go; 0 for others.
std::size_t sequence_bytes(const char* p, const char* end) {
  const auto first = static_cast<unsigned char>(*p);
  const std::size_t count = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (static_cast<std::size_t>(end - p) < count) return 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((static_cast<unsigned char>(p[i]) & 0xc0) != 0x80) return 0;
  }
  return count;
}

void append_quoted_json(std::string& out, std::string_view text) {
  out += '"';
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const std::size_t count = sequence_bytes(p, end);
    const auto byte = static_cast<unsigned char>(*p);
    if (count == 0) {
      out += "\\ufffd";
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      if (byte == '"' || byte == '\\') out += '\\';
      out.append(p, count);
    }
    p += count == 0 ? 1 : count;
  }
  out += '"';
}

void append_text_value(std::string& out, std::string_view text) {
  const bool bare = !text.empty() && text.find_first_of(" =\"") == std::string_view::npos;
  if (!bare) out += '"';
  append_escaped(out, text);
  if (!bare) out += '"';
}

std::string text_line(std::string_view message, const LogFields& fields) {
  std::string line;
  append_escaped(line, message);
  for (const LogField& field : fields) {
    fmt::format_to(std::back_inserter(line), " {}=", field.name);
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_text_value(line, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(line), "{}", *number);
    } else {
      fmt::format_to(std::back_inserter(line), "{:.3f}", std::get<double>(field.value));
    }
  }
  return line;
}

std::string json_line(std::string_view message, const LogFields& fields) {
  std::string line = R"("message":)";
  append_quoted_json(line, message);
  append_json_fields(line, fields);
  return line;
}

void log(spdlog::level::level_enum level, std::string_view message, const LogFields& fields) {
  if (!logger().should_log(level)) return;
  const bool json = log_format.load(std::memory_order_relaxed) == LogFormat::kJson;
  const std::string line = json ? json_line(message, fields) : text_line(message, fields);
  logger().log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return invalid_argument("log level '" + std::string(name) + "': expected debug, info, warning or error");
}

void set_log_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: logger().set_level(spdlog::level::debug); return;
    case LogLevel::kInfo: logger().set_level(spdlog::level::info); return;
    case LogLevel::kWarning: logger().set_level(spdlog::level::warn); return;
    case LogLevel::kError: logger().set_level(spdlog::level::err); return;
  }
}

void set_log_format(LogFormat format) {
  log_format.store(format, std::memory_order_relaxed);
  logger().set_pattern(format == LogFormat::kJson ? kJsonPattern : kTextPattern);
}

void append_json_fields(std::string& out, const LogFields& fields) {
  for (const LogField& field : fields) {
    out += ',';
    append_quoted_json(out, field.name);
    out += ':';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      append_quoted_json(out, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(out), "{}", *number);
    } else {
      fmt::format_to(std::back_inserter(out), "{:.3f}", std::get<double>(field.value));
    }
  }
}

void log_debug(std::string_view message, const LogFields& fields) {
  log(spdlog::level::debug, message, fields);
}
void log_info(std::string_view message, const LogFields& fields) {
  log(spdlog::level::info, message, fields);
}
void log_warning(std::string_view message, const LogFields& fields) {
  log(spdlog::level::warn, message, fields);
}
void log_error(std::string_view message, const LogFields& fields) {
  log(spdlog::level::err, message, fields);
}

}  // namespace orthant
