#pragma once
// Progress: one line on standard error that says how far a long command is, how fast it goes and how long it still takes. Where
// standard error is no terminal, a line of its own every ten seconds, for logs. One thread at a time.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace orthant {

// "1:05" or "2:00:07"; "-" for times that nobody can know yet.
std::string format_duration(double seconds);

// 1234567 -> "1,234,567".
std::string group_digits(std::uint64_t number);

class Progress {
 public:
  // `unit` names what is counted: "texts", "documents".
  Progress(std::string_view title, std::string_view unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` units so far; `share` of the whole work, 0 to 1. Draws a few times a second at most.
  void update(std::uint64_t done, double share);
  // Stands at the end of the line from the next update on: "loss 0.31".
  void set_note(std::string note) { note_ = std::move(note); }
  // Takes the line off the terminal: before anything else is written there. The destructor does so too.
  void clear();
  // Where the rate starts from when earlier work is taken up again.
  void start_from(std::uint64_t done, double share);

  double elapsed_seconds() const;

  // The line as it is drawn, without the terminal's control characters.
  static std::string line(std::string_view title, std::string_view unit, std::uint64_t done, double share, double rate,
                          double seconds_left);

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  std::string unit_;
  std::string note_;
  bool on_terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_{};
  std::uint64_t first_done_ = 0;
  double first_share_ = 0;
};

}  // namespace orthant
