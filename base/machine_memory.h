#pragma once
// The memory that this process may use: the machine's, or less where a control group has a limit (a container, a service). Free
// function, any thread.

#include <cstddef>
#include <filesystem>

namespace orthant {

// In bytes; the largest number where nothing can be read. `root` is where /proc and /sys are, for tests.
std::size_t machine_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace orthant
