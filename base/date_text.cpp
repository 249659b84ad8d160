#include "base/date_text.h"

#include <chrono>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr std::int64_t kFirstDay = -719528;  // 0000-01-01
constexpr std::int64_t kLastDay = 2932896;   // 9999-12-31
constexpr std::int64_t kSecondsADay = 86'400;

// Rounded down, also below 0.
std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

std::string date_text(std::int64_t days) {
  if (days < kFirstDay || days > kLastDay) return fmt::format("{}", days);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string timestamp_text(std::int64_t units, std::uint32_t units_a_second, bool in_utc) {
  const std::int64_t seconds = floor_divide(units, units_a_second);
  const std::int64_t days = floor_divide(seconds, kSecondsADay);
  if (days < kFirstDay || days > kLastDay) return fmt::format("{}", units);
  const std::int64_t fraction = units - seconds * units_a_second;
  const std::int64_t second = seconds - days * kSecondsADay;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", date_text(days), second / 3600, second / 60 % 60, second % 60);
  if (fraction != 0) {
    const int digits = units_a_second == 1'000 ? 3 : units_a_second == 1'000'000 ? 6 : 9;
    text += fmt::format(".{:0{}}", fraction, digits);
  }
  if (in_utc) text += 'Z';
  return text;
}

}  // namespace orthant
