#include "engine/payload/datetime.h"

#include <chrono>

namespace orthant {
namespace {

// Takes characters off the front of a text; every function says whether it did.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool next_is(char c) const { return rest_.starts_with(c); }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_number(std::size_t min_digits, std::size_t max_digits, int& value) {
    std::size_t count = 0;
    value = 0;
    while (count < max_digits && count < rest_.size() && is_digit(rest_[count])) value = value * 10 + (rest_[count++] - '0');
    if (count < min_digits) return false;
    rest_.remove_prefix(count);
    return true;
  }
  // Digits behind the point, as microseconds.
  bool take_fraction(std::int64_t& microseconds) {
    std::size_t count = 0;
    std::int64_t unit = 100'000;
    for (; count < rest_.size() && is_digit(rest_[count]); ++count, unit /= 10) microseconds += (rest_[count] - '0') * unit;
    rest_.remove_prefix(count);
    return count > 0;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
};

constexpr std::int64_t kMicroseconds = 1'000'000;

std::optional<std::int64_t> read_date(Reader& reader) {
  int year = 0, month = 0, day = 0;
  const bool complete = reader.take_number(4, 4, year) && reader.take('-') && reader.take_number(1, 2, month) && reader.take('-') &&
                        reader.take_number(1, 2, day);
  if (!complete) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year == 0) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86'400} * kMicroseconds;
}

// "+01:00", "+0100", "+01" in microseconds east of UTC.
std::optional<std::int64_t> read_offset(Reader& reader) {
  if (reader.take(" UTC")) return 0;
  reader.take(' ');
  if (reader.take('Z') || reader.take('z')) return 0;
  const bool west = reader.next_is('-');
  if (!reader.take('-') && !reader.take('+')) return std::nullopt;
  int hours = 0, minutes = 0;
  if (!reader.take_number(2, 2, hours)) return std::nullopt;
  if (!reader.done()) {
    reader.take(':');
    if (!reader.take_number(2, 2, minutes)) return std::nullopt;
  }
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::int64_t offset = (hours * 60 + minutes) * 60 * kMicroseconds;
  return west ? -offset : offset;
}

}  // namespace

std::optional<std::int64_t> parse_datetime_us(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return std::nullopt;
  Reader reader(text.substr(start));
  const std::optional<std::int64_t> day = read_date(reader);
  if (!day) return std::nullopt;
  if (reader.done()) return day;
  if (!reader.take('T') && !reader.take(' ')) return std::nullopt;
  int hours = 0, minutes = 0, seconds = 0;
  if (!reader.take_number(1, 2, hours) || !reader.take(':') || !reader.take_number(1, 2, minutes)) return std::nullopt;
  std::int64_t microseconds = 0;
  std::int64_t offset = 0;
  if (reader.take(':')) {
    if (!reader.take_number(1, 2, seconds)) return std::nullopt;
    if (reader.take('.') && !reader.take_fraction(microseconds)) return std::nullopt;
    if (!reader.done()) {
      const std::optional<std::int64_t> east = read_offset(reader);
      if (!east) return std::nullopt;
      offset = *east;
    }
  }
  if (!reader.done() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
  return *day + ((hours * 60 + minutes) * 60 + seconds) * kMicroseconds + microseconds - offset;
}

}  // namespace orthant
