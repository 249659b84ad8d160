#include "base/cpu.h"

#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace orthant {
namespace {

// Sets ORTHANT_CPU for one scope.
class ForcedLevel {
 public:
  explicit ForcedLevel(const char* level) {
    if (const char* before = std::getenv("ORTHANT_CPU")) before_ = before;
    set(level);
  }
  ~ForcedLevel() { set(before_ ? before_->c_str() : nullptr); }

 private:
  static void set(const char* level) {
    if (level == nullptr) {
      unsetenv("ORTHANT_CPU");
    } else {
      setenv("ORTHANT_CPU", level, 1);
    }
  }
  std::optional<std::string> before_;
};

TEST(CpuLevel, IsTheBestThatTheCpuHasUnlessForced) {
  CpuLevel best = CpuLevel::kPortable;
  for (const CpuLevel level : all_cpu_levels()) {
    if (cpu_supports(level)) best = level;
  }
  for (const char* unforced : {static_cast<const char*>(nullptr), ""}) {
    const ForcedLevel forced(unforced);
    const auto chosen = choose_cpu_level();
    ASSERT_TRUE(chosen) << chosen.error().message;
    EXPECT_EQ(cpu_level_name(*chosen), cpu_level_name(best));
  }
}

TEST(CpuLevel, CanBeForcedToEachOneThatTheCpuHas) {
  for (const CpuLevel level : all_cpu_levels()) {
    const std::string name(cpu_level_name(level));
    const ForcedLevel forced(name.c_str());
    const auto chosen = choose_cpu_level();
    if (cpu_supports(level)) {
      ASSERT_TRUE(chosen) << chosen.error().message;
      EXPECT_EQ(cpu_level_name(*chosen), name);
    } else {
      ASSERT_FALSE(chosen) << name;
      EXPECT_EQ(chosen.error().code, ErrorCode::kFailedPrecondition);
      EXPECT_NE(chosen.error().message.find(name), std::string::npos) << chosen.error().message;
    }
  }
}

TEST(CpuLevel, ThatDoesNotExistIsRefusedByName) {
  const ForcedLevel forced("sse9");
  const auto chosen = choose_cpu_level();
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(chosen.error().message.find("sse9"), std::string::npos);
}

TEST(CpuLevel, PortableIsEverywhere) {
  EXPECT_TRUE(cpu_supports(CpuLevel::kPortable));
  EXPECT_TRUE(cpu_feature_list().starts_with("portable"));
  EXPECT_FALSE(cpu_model_name().empty());
}

}  // namespace
}  // namespace orthant
