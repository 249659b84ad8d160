#include "api/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace orthant {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{200};
constexpr std::chrono::milliseconds kLogInterval{10'000};
constexpr std::size_t kBarCells = 24;
constexpr double kLongestKnownSeconds = 360'000;

}  // namespace

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > kLongestKnownSeconds) return "-";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string group_digits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

Progress::Progress(std::string_view title, std::string_view unit)
    : title_(title), unit_(unit), on_terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Progress::start_from(std::uint64_t done, double share) {
  first_done_ = done;
  first_share_ = share;
  start_ = Clock::now();
}

double Progress::elapsed_seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::string Progress::line(std::string_view title, std::string_view unit, std::uint64_t done, double share, double rate,
                           double seconds_left) {
  const double bounded = std::clamp(share, 0.0, 1.0);
  const auto cells = static_cast<std::size_t>(bounded * static_cast<double>(kBarCells));
  std::string bar(cells, '#');
  bar.resize(kBarCells, '.');
  return fmt::format("{} [{}] {:3.0f} %  {} {}  {}/s  {} left", title, bar, bounded * 100, group_digits(done), unit,
                     group_digits(static_cast<std::uint64_t>(std::max(rate, 0.0))), format_duration(seconds_left));
}

void Progress::update(std::uint64_t done, double share) {
  const auto now = Clock::now();
  if (!on_terminal_ && last_drawn_ == Clock::time_point()) last_drawn_ = start_;
  if (now - last_drawn_ < (on_terminal_ ? kRedrawInterval : kLogInterval)) return;
  last_drawn_ = now;
  const double elapsed = std::max(elapsed_seconds(), 1e-6);
  const double rate = static_cast<double>(done - first_done_) / elapsed;
  const double share_done = share - first_share_;
  const double left = share_done > 0 ? (1 - share) * elapsed / share_done : -1;
  const std::string drawn = line(title_, unit_, done, share, rate, left);
  if (!on_terminal_) {
    std::fprintf(stderr, "%s%s%s\n", drawn.c_str(), note_.empty() ? "" : "  ", note_.c_str());
    return;
  }
  std::fprintf(stderr, "\r%s%s%s\x1b[K", drawn.c_str(), note_.empty() ? "" : "  ", note_.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace orthant
