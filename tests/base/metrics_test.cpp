#include "base/metrics.h"

#include <thread>

#include <gtest/gtest.h>

namespace orthant {
namespace {

// The registry lives as long as the process: each test has its own names.
std::string rendered(std::string_view prefix) {
  const std::string all = render_metrics();
  std::string lines;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = all.find('\n', begin) + 1;
    const std::string line = all.substr(begin, end - begin);
    if (line.find(prefix) != std::string::npos) lines += line;
    begin = end;
  }
  return lines;
}

TEST(Metrics, CountersAndGaugesArePrintedWithTheirLabels) {
  counter("mt_requests_total", "Requests.", "status=\"200\"").add(3);
  counter("mt_requests_total", "ignored", "status=\"404\"").add();
  gauge("mt_queue", "Waiting.").set(5);
  gauge("mt_queue", "Waiting.").add(-7);
  EXPECT_EQ(rendered("mt_requests"),
            "# HELP mt_requests_total Requests.\n"
            "# TYPE mt_requests_total counter\n"
            "mt_requests_total{status=\"200\"} 3\n"
            "mt_requests_total{status=\"404\"} 1\n");
  EXPECT_EQ(rendered("mt_queue"), "# HELP mt_queue Waiting.\n# TYPE mt_queue gauge\nmt_queue -2\n");
}

TEST(Metrics, HistogramsAreCumulative) {
  static constexpr double kBounds[] = {0.5, 1, 2.5};
  Histogram& sizes = histogram("mt_sizes", "Sizes.", kBounds, "kind=\"a\"");
  for (const double value : {0.25, 0.5, 0.75, 2.0, 100.0}) sizes.observe(value);
  EXPECT_EQ(rendered("mt_sizes"),
            "# HELP mt_sizes Sizes.\n"
            "# TYPE mt_sizes histogram\n"
            "mt_sizes_bucket{kind=\"a\",le=\"0.5\"} 2\n"
            "mt_sizes_bucket{kind=\"a\",le=\"1\"} 3\n"
            "mt_sizes_bucket{kind=\"a\",le=\"2.5\"} 4\n"
            "mt_sizes_bucket{kind=\"a\",le=\"+Inf\"} 5\n"
            "mt_sizes_sum{kind=\"a\"} 103.5\n"
            "mt_sizes_count{kind=\"a\"} 5\n");
}

TEST(Metrics, OfTheSameNameAndLabelsAreTheSameObject) {
  EXPECT_EQ(&counter("mt_same", "Help.", "a=\"1\""), &counter("mt_same", "Help.", "a=\"1\""));
  EXPECT_NE(&counter("mt_same", "Help.", "a=\"1\""), &counter("mt_same", "Help.", "a=\"2\""));
}

TEST(Metrics, LoseNoUpdateOfAnyThread) {
  Counter& total = counter("mt_threads_total", "Updates.");
  Histogram& durations = histogram("mt_threads_seconds", "Durations.", duration_buckets());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5000; ++j) {
        total.add();
        durations.observe(1.0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total.value(), 20'000u);
  EXPECT_EQ(durations.sum(), 20'000.0);
}

TEST(Metrics, LabelValuesAreEscaped) {
  EXPECT_EQ(escape_label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
}

}  // namespace
}  // namespace orthant
