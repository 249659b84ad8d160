// The process that the crash test kills: `crash_writer DIR SEED` writes to the collections in DIR from several threads until it
// dies, and reports each acknowledged operation as eight bytes (u32 writer, u32 number) on standard output.

#include <cstdlib>
#include <thread>

#include <unistd.h>

#include "tests/engine/collection/crash_workload.h"

namespace orthant::test {
namespace {

void run_writer(Collection& collection, std::uint64_t seed, std::size_t writer) {
  CrashState state;
  for (std::uint32_t number = 0;; ++number) {
    CrashOperation operation = crash_operation(seed, writer, number, state);
    if (!write(collection, std::move(operation.op), operation.wait)) std::abort();
    const std::uint32_t report[] = {static_cast<std::uint32_t>(writer), number};
    if (::write(STDOUT_FILENO, report, sizeof report) != sizeof report) std::abort();
    state = std::move(operation.after);
  }
}

int run(const char* directory, std::uint64_t seed) {
  Host host(directory, kCrashLimits);
  std::map<std::string, std::unique_ptr<Collection>> collections;
  for (const char* name : {"even", "odd"}) collections[name] = host.open(name).value();
  std::vector<std::jthread> writers;
  for (std::size_t writer = 0; writer < kCrashWriters; ++writer) {
    writers.emplace_back([&, writer] { run_writer(*collections.at(crash_collection(writer)), seed, writer); });
  }
  return 0;
}

}  // namespace
}  // namespace orthant::test

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return orthant::test::run(argv[1], std::strtoull(argv[2], nullptr, 10));
}
