#include "base/thread_pool.h"

#include <atomic>
#include <latch>
#include <numeric>

#include <gtest/gtest.h>

namespace orthant {
namespace {

TEST(ThreadPool, RunsWhatItAcceptsBeforeItStops) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 3, 1000);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.submit([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 500);
}

TEST(ThreadPool, RefusesWhatItsQueueCannotHold) {
  ThreadPool pool("test", 1, 2);
  std::latch started(1), release(1);
  std::atomic<int> ran = 0;
  ASSERT_TRUE(pool.submit([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  ASSERT_TRUE(pool.submit([&] { ++ran; }));
  ASSERT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_EQ(pool.queued(), 2u);
  EXPECT_EQ(pool.submit([&] { ++ran; }).error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(pool.submit_continuation([&] { ++ran; }));
  release.count_down();
  pool.stop();
  EXPECT_EQ(ran, 3);
}

TEST(ThreadPool, RefusesEverythingOnceStopped) {
  ThreadPool pool("test", 2, 10);
  pool.stop();
  pool.stop();
  EXPECT_EQ(pool.submit([] {}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(pool.submit_continuation([] {}).error().code, ErrorCode::kUnavailable);
}

TEST(Strand, RunsTasksOneAfterAnotherInOrder) {
  std::vector<int> order;  // no lock: the strand is the lock, which ThreadSanitizer checks
  std::vector<int> other_order;
  {
    ThreadPool pool("test", 4, 10);
    Strand strand(pool, 10'000), other(pool, 10'000);
    for (int i = 0; i < 2000; ++i) {
      ASSERT_TRUE(strand.submit([&order, i] { order.push_back(i); }));
      ASSERT_TRUE(other.submit([&other_order, i] { other_order.push_back(i); }));
    }
  }
  std::vector<int> expected(2000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
  EXPECT_EQ(other_order, expected);
}

TEST(Strand, RefusesWhatItsQueueCannotHold) {
  ThreadPool pool("test", 1, 10);
  Strand strand(pool, 1);
  std::latch started(1), release(1);
  ASSERT_TRUE(strand.submit([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  EXPECT_TRUE(strand.submit([] {}));
  EXPECT_EQ(strand.queued(), 1u);
  EXPECT_EQ(strand.submit([] {}).error().code, ErrorCode::kResourceExhausted);
  release.count_down();
}

TEST(Strand, RefusesWhatAStoppedPoolWouldNotRun) {
  ThreadPool pool("test", 1, 10);
  Strand strand(pool, 10);
  pool.stop();
  EXPECT_EQ(strand.submit([] {}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(strand.queued(), 0u);
}

void expect_each_once(ThreadPool* pool, std::size_t count, std::size_t grain) {
  std::vector<std::atomic<int>> visits(count);
  parallel_for(pool, count, grain, [&](std::size_t begin, std::size_t end) {
    EXPECT_LT(begin, end);
    EXPECT_TRUE(end == count || end - begin >= grain);
    for (std::size_t i = begin; i < end; ++i) ++visits[i];
  });
  for (const auto& visit : visits) ASSERT_EQ(visit, 1) << count << " by " << grain;
}

TEST(ParallelFor, VisitsEachPositionOnce) {
  ThreadPool pool("test", 3, 4);
  for (const std::size_t count : {0u, 1u, 2u, 7u, 100u, 4097u}) {
    for (const std::size_t grain : {1u, 3u, 64u, 5000u}) {
      expect_each_once(&pool, count, grain);
      expect_each_once(nullptr, count, grain);
    }
  }
}

TEST(ParallelFor, MayBeCalledFromThreadsOfItsPool) {
  ThreadPool pool("test", 2, 100);
  std::latch done(8);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(pool.submit([&] {
      expect_each_once(&pool, 1000, 10);
      done.count_down();
    }));
  }
  done.wait();
}

TEST(ParallelFor, WorksAloneWhenThePoolIsStopped) {
  ThreadPool pool("test", 2, 100);
  pool.stop();
  expect_each_once(&pool, 1000, 10);
}

}  // namespace
}  // namespace orthant
