#include "index/structure_choice.h"

#include <limits>

#include <gtest/gtest.h>

#include "index/memory_budget.h"

namespace orthant {
namespace {

constexpr std::size_t kPlenty = std::numeric_limits<std::size_t>::max();

TEST(StructureChoice, GoesFromAScanToAGraphWhileAllFits) {
  const IndexConfig config = {.dim = 384};
  EXPECT_EQ(wanted_structure(config, 100'000), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure(config, 1'000'000), IndexStructure::kGraph);
  EXPECT_EQ(wanted_residency(config, 1'000'000, kPlenty), CodeResidency::kMemory);
}

TEST(StructureChoice, GoesToDiskWhereMemoryIsShort) {
  IndexConfig config = {.dim = 384};
  const std::size_t needed = bytes_in_memory(config, 1'000'000);
  EXPECT_GT(needed, std::size_t{600'000'000});
  EXPECT_LT(needed, std::size_t{700'000'000});
  EXPECT_EQ(wanted_residency(config, 1'000'000, needed), CodeResidency::kMemory);
  EXPECT_EQ(wanted_residency(config, 1'000'000, needed - 1), CodeResidency::kDisk);
  config.memory_budget_bytes = needed - 1;
  EXPECT_EQ(wanted_residency(config, 1'000'000, kPlenty), CodeResidency::kDisk);
  config.code_residency = CodeResidency::kDisk;
  // A graph while the machine's page cache can hold the codes and lean lists the ordinals.
  EXPECT_EQ(wanted_structure(config, 100'000), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure(config, 200'000), IndexStructure::kGraph);
  EXPECT_EQ(wanted_structure(config, 4'000'000'000), IndexStructure::kLists);
  EXPECT_EQ(wanted_structure({.dim = 1, .code_residency = CodeResidency::kDisk}, 9'000'000), IndexStructure::kLists);
}

TEST(StructureChoice, TakesWhatIsNamed) {
  IndexConfig config = {.dim = 384, .structure = IndexStructure::kGraph, .code_residency = CodeResidency::kMemory};
  EXPECT_EQ(wanted_residency(config, 100'000'000, 1), CodeResidency::kMemory);
  config.code_residency = CodeResidency::kDisk;
  EXPECT_EQ(wanted_structure(config, 1'000'000), IndexStructure::kGraph);
  EXPECT_EQ(wanted_residency(config, 10, kPlenty), CodeResidency::kDisk);
  config.structure = IndexStructure::kFlat;
  EXPECT_EQ(wanted_structure(config, 1'000'000), IndexStructure::kFlat);
}

TEST(StructureChoice, LeavesFewRowsWhereTheyAre) {
  EXPECT_EQ(wanted_residency({.dim = 384}, 1'000, 1), CodeResidency::kMemory);
}

TEST(MemoryBudget, LeavesAnIndexWhatTheOthersDoNotTake) {
  MemoryBudget budget(1'000);
  MemoryShare first(&budget);
  {
    MemoryShare second(&budget);
    first.set(600);
    second.set(300);
    EXPECT_EQ(budget.used(), 900U);
    EXPECT_EQ(first.available(), 700U);
    EXPECT_EQ(second.available(), 400U);
    second.set(2'000);
    EXPECT_EQ(first.available(), 0U);
  }
  EXPECT_EQ(first.available(), 1'000U);
  first.set(100);
  EXPECT_EQ(budget.used(), 100U);
  EXPECT_EQ(MemoryShare(nullptr).available(), kPlenty);
}

}  // namespace
}  // namespace orthant
