#include "base/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <variant>

#include <fmt/format.h>

namespace orthant {
namespace {

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

struct Family {
  std::string help;
  std::map<std::string, Metric, std::less<>> by_labels;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;  // guarded by mutex
};

Registry& registry() {
  static Registry* instance = new Registry;  // never destroyed: threads may count until the very end
  return *instance;
}

template <typename T, typename... Arguments>
T& find_or_make(std::string_view name, std::string_view help, std::string_view labels, Arguments... arguments) {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  auto family = all.families.find(name);
  if (family == all.families.end()) family = all.families.emplace(name, Family{std::string(help), {}}).first;
  auto& by_labels = family->second.by_labels;
  auto metric = by_labels.find(labels);
  if (metric == by_labels.end()) metric = by_labels.emplace(labels, std::make_unique<T>(arguments...)).first;
  return *std::get<std::unique_ptr<T>>(metric->second);
}

std::string braces(std::string_view labels, std::string_view more = {}) {
  if (labels.empty() && more.empty()) return {};
  return fmt::format("{{{}{}{}}}", labels, labels.empty() || more.empty() ? "" : ",", more);
}

void render_histogram(std::string& out, std::string_view name, std::string_view labels, const Histogram& histogram) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.upper_bounds().size(); ++i) {
    below += histogram.bucket(i);
    out += fmt::format("{}_bucket{} {}\n", name, braces(labels, fmt::format("le=\"{}\"", histogram.upper_bounds()[i])), below);
  }
  below += histogram.bucket(histogram.upper_bounds().size());
  out += fmt::format("{}_bucket{} {}\n", name, braces(labels, "le=\"+Inf\""), below);
  out += fmt::format("{}_sum{} {}\n", name, braces(labels), histogram.sum());
  out += fmt::format("{}_count{} {}\n", name, braces(labels), below);
}

void render_family(std::string& out, std::string_view name, const Family& family) {
  static constexpr std::array kTypes = {"counter", "gauge", "histogram"};
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, kTypes[family.by_labels.begin()->second.index()]);
  for (const auto& [labels, metric] : family.by_labels) {
    if (const auto* count = std::get_if<std::unique_ptr<Counter>>(&metric)) {
      out += fmt::format("{}{} {}\n", name, braces(labels), (*count)->value());
    } else if (const auto* level = std::get_if<std::unique_ptr<Gauge>>(&metric)) {
      out += fmt::format("{}{} {}\n", name, braces(labels), (*level)->value());
    } else {
      render_histogram(out, name, labels, *std::get<std::unique_ptr<Histogram>>(metric));
    }
  }
}

}  // namespace

Histogram::Histogram(std::span<const double> upper_bounds)
    : upper_bounds_(upper_bounds.begin(), upper_bounds.end()), buckets_(upper_bounds.size() + 1) {}

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(upper_bounds_.begin(), upper_bounds_.end(), value) - upper_bounds_.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

double Histogram::sum() const {
  return sum_.load(std::memory_order_relaxed);
}

std::span<const double> duration_buckets() {
  static constexpr std::array kBounds = {1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2,
                                         5e-2, 0.1,    0.25, 0.5,  1.0,    2.5,  5.0,  10.0};
  return kBounds;
}

std::span<const double> size_buckets() {
  static constexpr std::array<double, 13> kBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
  return kBounds;
}

Counter& counter(std::string_view name, std::string_view help, std::string_view labels) {
  return find_or_make<Counter>(name, help, labels);
}

Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels) {
  return find_or_make<Gauge>(name, help, labels);
}

Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> upper_bounds, std::string_view labels) {
  return find_or_make<Histogram>(name, help, labels, upper_bounds);
}

std::string escape_label(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string render_metrics() {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  std::string out;
  for (const auto& [name, family] : all.families) render_family(out, name, family);
  return out;
}

}  // namespace orthant
