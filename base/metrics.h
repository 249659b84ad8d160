#pragma once
// Metrics: counters, gauges and histograms of the process, printed in Prometheus' text form. Metric objects live as long as the
// process and may be used from any thread; an update is one or two relaxed atomic additions. Ask for a metric once, keep the
// reference: the look-up takes a lock.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Counts observations below fixed upper bounds (ascending), plus their sum.
class Histogram {
 public:
  explicit Histogram(std::span<const double> upper_bounds);
  void observe(double value);
  std::span<const double> upper_bounds() const { return upper_bounds_; }
  // Observations in bucket i alone; i == upper_bounds().size() is the rest.
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const;

 private:
  std::vector<double> upper_bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<double> sum_{0};
};

// 100 us to 10 s, for durations in seconds.
std::span<const double> duration_buckets();
// 1 to 4096 by powers of two, for sizes.
std::span<const double> size_buckets();

// `name` follows Prometheus' rules (orthant_encode_texts_total); `labels` is the inside of the braces, e.g.
// `method="GET",status="200"`, or empty. The same name and labels give the same object; the first help text stays.
Counter& counter(std::string_view name, std::string_view help, std::string_view labels = {});
Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = {});
Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> upper_bounds,
                     std::string_view labels = {});

// Value for a label: quotes, backslashes and line feeds escaped.
std::string escape_label(std::string_view value);

// All metrics in Prometheus' text exposition form 0.0.4, names in order.
std::string render_metrics();

}  // namespace orthant
