#include "api/service/metrics_text.h"

#include <cmath>

#include <fmt/format.h>

#include "base/metrics.h"

namespace orthant::service {
namespace {

std::string number_text(double value) {
  constexpr double kExact = 9'007'199'254'740'992.0;  // 2^53
  if (std::trunc(value) == value && std::abs(value) < kExact) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

}  // namespace

void MetricsText::add(std::string_view name, std::string_view help, std::string_view type, double value, std::string_view labels) {
  auto found = positions_.find(name);
  if (found == positions_.end()) {
    found = positions_.emplace(name, families_.size()).first;
    families_.push_back({fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type), {}});
  }
  const std::string braces = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
  families_[found->second].samples += fmt::format("{}{} {}\n", name, braces, number_text(value));
}

void MetricsText::gauge(std::string_view name, std::string_view help, double value, std::string_view labels) {
  add(name, help, "gauge", value, labels);
}
void MetricsText::counter(std::string_view name, std::string_view help, double value, std::string_view labels) {
  add(name, help, "counter", value, labels);
}

std::string MetricsText::text() const {
  std::string out;
  for (const Family& family : families_) out += family.head + family.samples;
  return out;
}

std::string metric_label(std::string_view name, std::string_view value) {
  return fmt::format("{}=\"{}\"", name, escape_label(value));
}

}  // namespace orthant::service
