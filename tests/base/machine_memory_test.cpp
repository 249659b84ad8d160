#include "base/machine_memory.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

class MachineMemory : public testing::Test {
 protected:
  void put(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories((root_.path() / file).parent_path());
    std::ofstream(root_.path() / file) << text;
  }

  test::TemporaryDirectory root_;
};

TEST_F(MachineMemory, IsThatOfTheMachineWithoutAGroup) {
  put("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(machine_memory_bytes(root_.path()), 2048U << 10);
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(machine_memory_bytes(root_.path()), 2048U << 10);
}

TEST_F(MachineMemory, IsTheLeastLimitOfTheGroupsAboveTheProcess) {
  put("proc/meminfo", "MemTotal:        2048 kB\n");
  put("proc/self/cgroup", "0::/service/one\n");
  put("sys/fs/cgroup/service/one/memory.max", "max\n");
  put("sys/fs/cgroup/service/memory.max", "1000000\n");
  EXPECT_EQ(machine_memory_bytes(root_.path()), 1'000'000U);
  put("sys/fs/cgroup/service/one/memory.max", "500000\n");
  EXPECT_EQ(machine_memory_bytes(root_.path()), 500'000U);
}

TEST_F(MachineMemory, ReadsGroupsOfTheFirstVersion) {
  put("proc/meminfo", "MemTotal:        2048 kB\n");
  put("proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/x\n");
  put("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "700000\n");
  EXPECT_EQ(machine_memory_bytes(root_.path()), 700'000U);
}

TEST_F(MachineMemory, IsKnownOfThisMachine) {
  EXPECT_GT(machine_memory_bytes(), std::size_t{64} << 20);
  EXPECT_LT(machine_memory_bytes(), std::size_t{1} << 48);
}

}  // namespace
}  // namespace orthant
