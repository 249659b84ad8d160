#include "api/bulk/write_window.h"

#include <chrono>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "tests/api/http/run_awaitable.h"

namespace orthant::bulk {
namespace {

using namespace std::chrono_literals;
using test::run_awaitable;

// An engine that takes its time on other threads and notes what it saw.
class SlowWriter {
 public:
  WriteWindow::Write function() {
    return [this](UpsertRequest request, std::move_only_function<void(Result<WriteResult>)> done) {
      {
        const std::lock_guard lock(mutex_);
        most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
        if (refusals_left_ > 0) {
          --refusals_left_;
          --in_flight_;
          return done(fail(ErrorCode::kResourceExhausted, "full"));
        }
      }
      auto shared = std::make_shared<std::pair<UpsertRequest, decltype(done)>>(std::move(request), std::move(done));
      ignore_error(pool_.submit([this, shared] { work(shared->first, shared->second); }), "the queue is large");
    };
  }
  void refuse_next(int count) { refusals_left_ = count; }
  void fail_with(Error error) { failure_ = std::move(error); }
  int most_in_flight() const { return most_in_flight_; }
  const std::vector<std::pair<std::uint64_t, std::string>>& written() const { return written_; }

 private:
  void work(const UpsertRequest& request, std::move_only_function<void(Result<WriteResult>)>& done) {
    std::this_thread::sleep_for(2ms);
    WriteResult result;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < request.points.size(); ++i) {
      written_.emplace_back(request.points[i].id.as_number(), request.points[i].payload);
      if (request.points[i].id.as_number() == 13) result.rejected.push_back({i, Error{ErrorCode::kInvalidArgument, "unlucky"}});
    }
    --in_flight_;
    if (failure_) return done(std::unexpected(*failure_));
    done(result);
  }

  std::mutex mutex_;
  int in_flight_ = 0;
  int most_in_flight_ = 0;
  int refusals_left_ = 0;
  std::optional<Error> failure_;
  std::vector<std::pair<std::uint64_t, std::string>> written_;
  ThreadPool pool_{"writer", 4, 1000};
};

DocumentBatch batch_of(std::vector<std::uint64_t> ids, std::string payload = "{}") {
  DocumentBatch batch;
  for (const std::uint64_t id : ids) {
    batch.points.push_back({PointId::number(id), {}, payload});
    batch.lines.push_back(id);
  }
  return batch;
}

Awaitable<bool> put_all(WriteWindow& window, std::vector<DocumentBatch>& batches) {
  for (DocumentBatch& batch : batches) {
    DocumentBatch moved = std::move(batch);
    co_await window.put(std::move(moved));
  }
  co_await window.wait_until_empty();
  co_return true;
}

TEST(WriteWindow, KeepsABoundedNumberOfBatchesInFlight) {
  SlowWriter writer;
  WriteWindow window(writer.function(), 3);
  std::vector<DocumentBatch> batches;
  for (std::uint64_t i = 0; i < 40; ++i) batches.push_back(batch_of({2 * i + 100, 2 * i + 101}));
  run_awaitable(put_all(window, batches));
  EXPECT_EQ(window.summary().accepted, 80);
  EXPECT_EQ(writer.most_in_flight(), 3);
}

TEST(WriteWindow, NeverHasTwoBatchesOfOneIdInFlight) {
  SlowWriter writer;
  WriteWindow window(writer.function(), 8);
  std::vector<DocumentBatch> batches;
  for (int i = 0; i < 30; ++i) batches.push_back(batch_of({7}, std::to_string(i)));
  run_awaitable(put_all(window, batches));
  EXPECT_EQ(writer.most_in_flight(), 1);
  ASSERT_EQ(writer.written().size(), 30);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(writer.written()[i].second, std::to_string(i));
}

TEST(WriteWindow, TriesAgainWhenTheEngineIsFull) {
  SlowWriter writer;
  writer.refuse_next(3);
  WriteWindow window(writer.function(), 2);
  std::vector<DocumentBatch> batches;
  for (std::uint64_t i = 0; i < 5; ++i) batches.push_back(batch_of({i}));
  run_awaitable(put_all(window, batches));
  EXPECT_EQ(window.summary().accepted, 5);
  EXPECT_FALSE(window.failure());
}

TEST(WriteWindow, ReportsRejectedPointsByTheirLine) {
  SlowWriter writer;
  WriteWindow window(writer.function(), 2);
  std::vector<DocumentBatch> batches;
  batches.push_back(batch_of({12, 13, 14}));
  batches[0].errors.push_back({99, "bad line"});
  run_awaitable(put_all(window, batches));
  EXPECT_EQ(window.summary().accepted, 2);
  EXPECT_EQ(window.summary().rejected, 2);
  std::string text;
  JsonWriter json(text);
  write_summary(json, window.summary());
  EXPECT_TRUE(
      text.starts_with(R"({"accepted":2,"rejected":2,"errors":[{"line":13,"reason":"unlucky"},{"line":99,"reason":"bad line"}])"))
      << text;
}

TEST(WriteWindow, StopsAfterAFailedBatch) {
  SlowWriter writer;
  writer.fail_with({ErrorCode::kIoError, "No space left on device"});
  WriteWindow window(writer.function(), 1);
  std::vector<DocumentBatch> batches;
  for (std::uint64_t i = 0; i < 50; ++i) batches.push_back(batch_of({i}));
  run_awaitable(put_all(window, batches));
  ASSERT_TRUE(window.failure());
  EXPECT_EQ(window.failure()->code, ErrorCode::kIoError);
  EXPECT_LT(writer.written().size(), 5);
  EXPECT_EQ(window.summary().accepted, 0);
}

}  // namespace
}  // namespace orthant::bulk
