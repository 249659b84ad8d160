// The queue of rerankers and sparse encoders.

#include "encoder/batch_runner.h"

#include <future>
#include <numeric>

#include <gtest/gtest.h>

namespace orthant {
namespace {

using Positions = std::span<const std::size_t>;

class BatchRunnerTest : public testing::Test {
 protected:
  std::future<Status> submit(BatchRunner& runner, std::vector<std::size_t> tokens, std::function<Status(Positions)> run,
                             std::shared_ptr<const std::atomic<bool>> cancelled = nullptr,
                             std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max()) {
    auto promise = std::make_shared<std::promise<Status>>();
    BatchRunner::Work work;
    work.tokens = std::move(tokens);
    work.run = std::move(run);
    work.done = [promise](Status status) { promise->set_value(std::move(status)); };
    work.cancelled = std::move(cancelled);
    work.deadline = deadline;
    runner.submit(std::move(work));
    return promise->get_future();
  }

  ThreadPool pool_{"encode", 3, 64};
};

TEST_F(BatchRunnerTest, RunsEachItemOnceInBatchesOfTheBudget) {
  BatchRunner runner(pool_, "texts", {.max_batch_tokens = 10, .max_queued_tokens = 1000});
  const std::vector<std::size_t> tokens = {4, 4, 4, 9, 1, 30, 2, 2};
  std::vector<std::atomic<int>> runs(tokens.size());
  std::atomic<bool> too_large = false;
  const auto done = submit(runner, tokens, [&](Positions batch) -> Status {
                      std::size_t sum = 0;
                      for (const std::size_t position : batch) {
                        ++runs[position];
                        sum += tokens[position];
                      }
                      if (batch.size() > 1 && sum > 10) too_large = true;
                      return {};
                    }).get();
  EXPECT_TRUE(done.has_value());
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  EXPECT_FALSE(too_large);
}

TEST_F(BatchRunnerTest, RefusesWhatDoesNotFitAndTakesItLater) {
  BatchRunner runner(pool_, "texts", {.max_batch_tokens = 10, .max_queued_tokens = 20});
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  auto first = submit(runner, {15}, [released](Positions) -> Status {
    released.wait();
    return {};
  });
  const auto nothing = [](Positions) -> Status { return {}; };
  const Status refused = submit(runner, {6}, nothing).get();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("the queue of texts is full: 15 tokens wait"), std::string::npos)
      << refused.error().message;
  release.set_value();
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(submit(runner, {6}, nothing).get().has_value());
}

TEST_F(BatchRunnerTest, AnswersTheFirstFailureAndRunsNoFurtherBatch) {
  ThreadPool one("encode", 1, 64);
  BatchRunner runner(one, "texts", {.max_batch_tokens = 1, .max_queued_tokens = 100});
  std::atomic<int> runs = 0;
  const Status failed = submit(runner, {1, 1, 1, 1}, [&](Positions) -> Status {
                          if (++runs == 2) return invalid_argument("bad");
                          return {};
                        }).get();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "bad");
  EXPECT_EQ(runs, 2);
}

TEST_F(BatchRunnerTest, TurnsExceptionsIntoErrors) {
  BatchRunner runner(pool_, "texts", {});
  const Status failed = submit(runner, {1}, [](Positions) -> Status { throw std::bad_alloc(); }).get();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(BatchRunnerTest, DropsWorkThatNobodyWaitsFor) {
  BatchRunner runner(pool_, "texts", {});
  std::atomic<int> runs = 0;
  const auto count = [&](Positions) -> Status {
    ++runs;
    return {};
  };
  EXPECT_EQ(submit(runner, {1}, count, std::make_shared<std::atomic<bool>>(true)).get().error().code, ErrorCode::kCancelled);
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(submit(runner, {1}, count, nullptr, past).get().error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(runs, 0);
}

TEST_F(BatchRunnerTest, AnswersNothingToDoAtOnce) {
  BatchRunner runner(pool_, "texts", {});
  EXPECT_TRUE(submit(runner, {}, [](Positions) -> Status { return internal_error("called"); }).get().has_value());
}

TEST_F(BatchRunnerTest, AnswersEverythingBeforeItEnds) {
  ThreadPool one("encode", 1, 64);
  std::vector<std::future<Status>> answers;
  {
    BatchRunner runner(one, "texts", {.max_batch_tokens = 1});
    for (int i = 0; i < 20; ++i) answers.push_back(submit(runner, {1, 1, 1}, [](Positions) -> Status { return {}; }));
  }
  for (auto& answer : answers) {
    ASSERT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    const Status status = answer.get();
    EXPECT_TRUE(status.has_value() || status.error().code == ErrorCode::kUnavailable);
  }
}

}  // namespace
}  // namespace orthant
