#include "api/service/rate_limiter.h"

#include <gtest/gtest.h>

namespace orthant::service {
namespace {

using namespace std::chrono_literals;

TEST(RateLimiter, AllowsASecondsWorthAtOnceAndThenTheRate) {
  RateLimiter limiter(10);
  const auto begin = RateLimiter::Clock::now();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.take("a", begin), 0ns) << i;
  EXPECT_EQ(std::chrono::round<std::chrono::milliseconds>(limiter.take("a", begin)), 100ms);
  EXPECT_EQ(limiter.take("b", begin), 0ns) << "another client has its own";
  EXPECT_GT(limiter.take("a", begin + 99ms), 0ns);
  EXPECT_EQ(limiter.take("a", begin + 101ms), 0ns);
  EXPECT_GT(limiter.take("a", begin + 102ms), 0ns);
  int taken = 0;
  for (int i = 0; i < 20; ++i) taken += limiter.take("a", begin + 1h) == 0ns ? 1 : 0;
  EXPECT_EQ(taken, 10) << "no more than a second's worth is kept";
}

TEST(RateLimiter, ForgetsClientsThatStayAway) {
  RateLimiter limiter(1);
  auto now = RateLimiter::Clock::now();
  for (int i = 0; i < 200'000; ++i) limiter.take(std::to_string(i), now += 1ms);
  EXPECT_LT(limiter.client_count(), 40'000U);
}

}  // namespace
}  // namespace orthant::service
