#pragma once
// AnswerStatistics: counts and durations of a route's answers, by status and, for routes of one collection, by collection. Updates
// take a lock of the route's for some nanoseconds; any thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"

namespace orthant {

struct AnswerFigures {
  std::uint64_t count = 0;
  double total_seconds = 0;
  double least_seconds = 0;
  double most_seconds = 0;
  std::chrono::system_clock::time_point last{};  // when the last of them was given

  void add(double seconds);
  void add(const AnswerFigures& other);
  double mean_seconds() const { return count == 0 ? 0 : total_seconds / static_cast<double>(count); }
};

class AnswerStatistics {
 public:
  // Names of collections are given by clients: past this many a route counts the rest under "".
  static constexpr std::size_t kMostCollections = 1'000;

  // `collection` is empty for routes without one, and where there is none of that name (status 404).
  void add(int status, std::string_view collection, double seconds);
  std::map<int, AnswerFigures> by_status() const;
  std::map<std::pair<std::string, int>, AnswerFigures> by_collection() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<int, AnswerFigures>, std::less<>> figures_;  // guarded by mutex_; by collection, status
};

}  // namespace orthant
