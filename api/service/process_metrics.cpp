#include "api/service/process_metrics.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/metrics.h"

namespace orthant::service {
namespace {

// Second number of /proc/self/statm: resident pages.
std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t virtual_pages = 0;
  std::int64_t resident_pages = 0;
  file >> virtual_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

std::int64_t open_descriptors() {
  std::error_code error;
  std::int64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error))
    ++count;
  return count;
}

std::int64_t thread_count() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Threads:")) return std::stoll(line.substr(8));
  }
  return 0;
}

void update_process() {
  gauge("app_info", "Name and version", fmt::format("name=\"orthant\",version=\"{}\"", ORTHANT_VERSION)).set(1);
  gauge("orthant_cpu_level_info", "Which kernels are used", fmt::format("level=\"{}\"", cpu_level_name(cpu_level()))).set(1);
  gauge("memory_resident_bytes", "Resident memory of the process").set(resident_bytes());
  gauge("process_open_fds", "Open file descriptors").set(open_descriptors());
  gauge("process_threads", "Threads").set(thread_count());
}

// Gauges live as long as the process: those of deleted collections are set to 0.
void update_collections(const Engine& engine) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  const std::lock_guard lock(mutex);
  const auto points = [](const std::string& name) -> Gauge& {
    return gauge("collection_points", "Points of a collection", fmt::format("id=\"{}\"", escape_label(name)));
  };
  const auto bytes = [](const std::string& name) -> Gauge& {
    return gauge("collection_vectors_memory_bytes", "Memory of a collection's vectors",
                 fmt::format("id=\"{}\"", escape_label(name)));
  };
  const auto disk_bytes = [](const std::string& name) -> Gauge& {
    return gauge("collection_vectors_disk_bytes", "Bytes of a collection's codes that live in files in place of memory",
                 fmt::format("id=\"{}\"", escape_label(name)));
  };
  for (const std::string& name : seen) {
    points(name).set(0);
    bytes(name).set(0);
    disk_bytes(name).set(0);
  }
  const std::vector<std::string> names = engine.collection_names();
  std::int64_t total = 0;
  for (const std::string& name : names) {
    const Result<CollectionInfo> info = engine.collection_info(name);
    if (!info) continue;
    seen.insert(name);
    std::size_t memory = 0;
    std::size_t disk = 0;
    for (const auto& [vector, index] : info->indexes) {
      memory += index.memory.total();
      disk += index.memory.disk_bytes;
    }
    points(name).set(static_cast<std::int64_t>(info->points_count));
    bytes(name).set(static_cast<std::int64_t>(memory));
    disk_bytes(name).set(static_cast<std::int64_t>(disk));
    total += static_cast<std::int64_t>(info->indexed_vectors_count);
  }
  gauge("collections_total", "Collections").set(static_cast<std::int64_t>(names.size()));
  gauge("collections_vector_total", "Vectors of all collections").set(total);
}

}  // namespace

void update_metrics(const Engine* engine) {
  update_process();
  if (engine != nullptr) update_collections(*engine);
}

}  // namespace orthant::service
