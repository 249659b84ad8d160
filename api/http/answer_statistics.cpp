#include "api/http/answer_statistics.h"

#include <algorithm>

namespace orthant {

void AnswerFigures::add(double seconds) {
  add(AnswerFigures{1, seconds, seconds, seconds, std::chrono::system_clock::now()});
}

void AnswerFigures::add(const AnswerFigures& other) {
  if (other.count == 0) return;
  least_seconds = count == 0 ? other.least_seconds : std::min(least_seconds, other.least_seconds);
  most_seconds = std::max(most_seconds, other.most_seconds);
  count += other.count;
  total_seconds += other.total_seconds;
  last = std::max(last, other.last);
}

void AnswerStatistics::add(int status, std::string_view collection, double seconds) {
  const std::lock_guard lock(mutex_);
  auto found = figures_.find(collection);
  if (found == figures_.end()) {
    found = figures_.try_emplace(figures_.size() < kMostCollections ? std::string(collection) : std::string()).first;
  }
  found->second[status].add(seconds);
}

std::map<int, AnswerFigures> AnswerStatistics::by_status() const {
  std::map<int, AnswerFigures> sums;
  const std::lock_guard lock(mutex_);
  for (const auto& [collection, statuses] : figures_) {
    for (const auto& [status, figures] : statuses) sums[status].add(figures);
  }
  return sums;
}

std::map<std::pair<std::string, int>, AnswerFigures> AnswerStatistics::by_collection() const {
  std::map<std::pair<std::string, int>, AnswerFigures> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [collection, statuses] : figures_) {
    for (const auto& [status, figures] : statuses) all[{collection, status}] = figures;
  }
  return all;
}

}  // namespace orthant
