#include <fmt/format.h>

#include "api/service/process_metrics.h"

namespace orthant::service {
namespace {

void add_figures(MetricsText& text, const std::string& labels, int status, const AnswerFigures& figures) {
  text.counter("rest_responses_total", "Answers by method, endpoint and status", static_cast<double>(figures.count), labels);
  text.counter("rest_responses_fail_total", "Answers with an error of the server's",
               status >= 500 ? static_cast<double>(figures.count) : 0, labels);
  text.gauge("rest_responses_avg_duration_seconds", "Mean time to an answer", figures.mean_seconds(), labels);
  text.gauge("rest_responses_min_duration_seconds", "Least time to an answer", figures.least_seconds, labels);
  text.gauge("rest_responses_max_duration_seconds", "Most time to an answer", figures.most_seconds, labels);
}

}  // namespace

void add_request_metrics(MetricsText& text, const Dispatcher& dispatcher, bool per_collection) {
  for (const auto& [route, statistics] : dispatcher.figures()) {
    const std::string labels =
        fmt::format("{},{}", metric_label("method", method_name(route->method)), metric_label("endpoint", route->pattern));
    if (!per_collection) {
      for (const auto& [status, figures] : statistics->by_status()) {
        add_figures(text, fmt::format("{},status=\"{}\"", labels, status), status, figures);
      }
      continue;
    }
    for (const auto& [key, figures] : statistics->by_collection()) {
      const auto& [collection, status] = key;
      add_figures(text, fmt::format("{},status=\"{}\",{}", labels, status, metric_label("collection", collection)), status,
                  figures);
    }
  }
}

}  // namespace orthant::service
