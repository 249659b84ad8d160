#include "api/service/process_metrics.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/service/routes.h"
#include "base/cpu.h"

namespace orthant::service {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::size_t open_descriptors() {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

double most_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

std::size_t mapped_regions() {
  std::ifstream file("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

// What /proc/self/stat says behind the name in parentheses: fields from the third on.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  std::istringstream rest(name_end == std::string::npos ? std::string() : text.substr(name_end + 4));
  std::vector<double> fields;
  for (double value = 0; rest >> value;) fields.push_back(value);
  return fields;
}

double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

void add_memory(MetricsText& text) {
  const MemoryFigures memory = memory_figures();
  const auto number = [](std::uint64_t bytes) { return static_cast<double>(bytes); };
  text.gauge("memory_allocated_bytes", "Heap in use by objects", number(memory.allocated));
  text.gauge("memory_active_bytes", "Heap held from the system", number(memory.active));
  text.gauge("memory_retained_bytes", "Heap that is free but held", number(memory.retained));
  text.gauge("memory_metadata_bytes", "Heap that could be given back from its top", number(memory.metadata));
}

}  // namespace

MemoryFigures memory_figures() {
  const struct mallinfo2 heap = mallinfo2();
  const std::vector<double> stat = stat_fields();
  constexpr std::size_t kResidentPages = 24 - 4;  // by its number in proc(5), without the fields cut off
  const double pages = kResidentPages < stat.size() ? stat[kResidentPages] : 0;
  return {.allocated = heap.uordblks + heap.hblkhd,
          .active = heap.arena + heap.hblkhd,
          .retained = heap.fordblks,
          .metadata = heap.keepcost,
          .resident = static_cast<std::uint64_t>(pages * static_cast<double>(sysconf(_SC_PAGESIZE)))};
}

void add_process_metrics(MetricsText& text) {
  // By the name that dashboards of Qdrant look for: whose API is spoken, and in which version.
  text.gauge("app_info", "information about qdrant server", 1, fmt::format("name=\"qdrant\",version=\"{}\"", kQdrantVersion));
  text.gauge("orthant_info", "Version of Orthant", 1, metric_label("version", ORTHANT_VERSION));
  text.gauge("orthant_cpu_level_info", "Which kernels are used", 1, metric_label("level", cpu_level_name(cpu_level())));
  text.gauge("app_status_recovery_mode", "If the server runs in recovery mode", 0);
  text.gauge("cluster_enabled", "If the server is part of a cluster", 0);
  add_memory(text);
  // Fields by their number in proc(5), of which the first two are cut off.
  const std::vector<double> stat = stat_fields();
  const auto field = [&](std::size_t number) { return number - 4 < stat.size() ? stat[number - 4] : 0; };
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  text.gauge("memory_resident_bytes", "Resident memory of the process", field(24) * page);
  text.gauge("process_resident_memory_bytes", "Resident memory of the process", field(24) * page);
  text.gauge("process_virtual_memory_bytes", "Virtual memory of the process", field(23));
  text.gauge("process_threads", "Threads", field(20));
  text.gauge("process_open_fds", "Open file descriptors", static_cast<double>(open_descriptors()));
  text.gauge("process_max_fds", "Limit of open file descriptors", most_descriptors());
  text.gauge("process_open_mmaps", "Mapped regions of memory", static_cast<double>(mapped_regions()));
  text.counter("process_minor_page_faults_total", "Page faults served from memory", field(10));
  text.counter("process_major_page_faults_total", "Page faults served from disk", field(12));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  text.counter("process_cpu_seconds_total", "CPU time of the process", seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  text.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970",
             boot_time_seconds() + field(22) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace orthant::service
