#include "base/machine_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "base/parse_number.h"

namespace orthant {
namespace {

constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

// A limit file holds a number of bytes, or "max".
std::size_t read_limit(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text;
  in >> text;
  return parse_number<std::size_t>(text).value_or(kUnknown);
}

std::size_t machine_total(const std::filesystem::path& root) {
  std::ifstream in(root / "proc/meminfo");
  std::string name;
  std::size_t kilobytes = 0;
  if (!(in >> name >> kilobytes) || name != "MemTotal:") return kUnknown;
  return kilobytes << 10;
}

// The limits of the process's groups and of all above them. Version 2 has one line "0::/path"; of version 1 the line that names
// "memory" counts.
std::size_t group_limit(const std::filesystem::path& root) {
  std::size_t least = kUnknown;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && controllers.find("memory") == std::string_view::npos) continue;
    const std::filesystem::path mount = root / (unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    std::filesystem::path group = std::filesystem::path(line.substr(second + 1)).relative_path();
    for (;; group = group.parent_path()) {
      least = std::min(least, read_limit(mount / group / (unified ? "memory.max" : "memory.limit_in_bytes")));
      if (group.empty()) break;
    }
  }
  return least;
}

}  // namespace

std::size_t machine_memory_bytes(const std::filesystem::path& root) {
  return std::min(machine_total(root), group_limit(root));
}

}  // namespace orthant
