#pragma once
// MetricsText: figures that are looked up when somebody asks, in Prometheus' text form, beside those that are counted
// (base/metrics.h). Families in the order of their first sample. One thread at a time.

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace orthant::service {

class MetricsText {
 public:
  // `labels` is the inside of the braces, or empty.
  void gauge(std::string_view name, std::string_view help, double value, std::string_view labels = {});
  void counter(std::string_view name, std::string_view help, double value, std::string_view labels = {});
  std::string text() const;

 private:
  struct Family {
    std::string head;
    std::string samples;
  };
  void add(std::string_view name, std::string_view help, std::string_view type, double value, std::string_view labels);

  std::vector<Family> families_;
  std::map<std::string, std::size_t, std::less<>> positions_;
};

// `name="value"`, escaped.
std::string metric_label(std::string_view name, std::string_view value);

}  // namespace orthant::service
