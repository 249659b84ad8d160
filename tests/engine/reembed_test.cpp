// Re-embedding through the engine: another model takes over at once, beside reads and writes, across kills.

#include <atomic>
#include <set>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/float_values.h"
#include "tests/engine/reembed_fixture.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

class Reembed : public testing::Test {
 protected:
  void open() {
    engine_.reset();
    auto opened = Engine::open(two_models(directory_.path()));
    if (!opened) FAIL() << opened.error().message;
    engine_ = std::move(*opened);
  }
  void SetUp() override {
    open();
    ASSERT_TRUE(create(*engine_, "c", one_vector(kOldModelDim)).has_value());
  }
  void add_texts(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t begin = first; begin < first + count; begin += 500) {
      std::vector<PointInput> points;
      for (std::uint64_t id = begin; id < std::min(begin + 500, first + count); ++id) {
        points.push_back(text_point(id, numbered_text(id), R"({"n":)" + std::to_string(id) + "}"));
      }
      ASSERT_TRUE(write(*engine_, "c", upsert(std::move(points))).has_value());
    }
  }
  Result<QueryResult> search(const std::string& text) {
    QueryRequest request;
    request.query = VectorInput(TextInput{text, ""});
    request.limit = 3;
    request.payload.enabled = true;
    return query(*engine_, "c", request);
  }
  // Every point's vector is what `model` makes of its text.
  void check(const std::string& model, std::size_t count) {
    ScrollRequest all;
    all.limit = 100'000;
    all.payload.enabled = true;
    all.vectors.enabled = true;
    const ScrollResult page = scroll(*engine_, "c", all).value();
    ASSERT_EQ(page.points.size(), count);
    std::vector<std::string> texts;
    for (const Record& record : page.points) {
      ASSERT_EQ(record.texts.size(), 1U);
      texts.push_back(record.texts.front().second);
    }
    const auto expected = encode(*engine_, model, texts).value();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      ASSERT_EQ(page.points[i].vectors->size(), 1U);
      const auto& vector = std::get<std::vector<float>>(page.points[i].vectors->front().second);
      ASSERT_EQ(vector.size(), expected[i].size());
      for (std::size_t d = 0; d < vector.size(); ++d) ASSERT_NEAR(vector[d], expected[i][d], 1e-5) << texts[i];
    }
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Reembed, SwitchesToTheOtherModelAndItsDimension) {
  add_texts(1, 900);
  check(kOldModel, 900);
  const ReembedProgress begun = reembed(*engine_, {.vector_name = "", .model = kNewModel}).value();
  EXPECT_EQ(begun.model, kNewModel);
  EXPECT_EQ(begun.model_before, kOldModel);
  const ReembedProgress done = wait_until_over(*engine_);
  EXPECT_EQ(done.phase, ReembedPhase::kFinished);
  EXPECT_EQ(done.texts, 900U);
  EXPECT_EQ(done.encoded, 900U);
  EXPECT_GT(done.tokens, 900U);
  for (int round = 0; round < 2; ++round) {
    check(kNewModel, 900);
    const CollectionInfo info = engine_->collection_info("c").value();
    EXPECT_EQ(info.config.vectors.at("").index.dim, kNewModelDim);
    EXPECT_EQ(info.config.vectors.at("").encoder->model, kNewModel);
    EXPECT_EQ(info.indexed_vectors_count, 900U);
    const QueryResult found = search(numbered_text(77)).value();
    EXPECT_EQ(found.tokens_by_model.count(kNewModel), 1U);
    EXPECT_EQ(found.points.front().record.payload, R"({"n":77})");
    add_texts(1, 10);
    open();
  }
  // And back.
  EXPECT_EQ(reembed(*engine_, {.vector_name = "", .model = kNewModel}).error().message,
            "vector `` was made by model `new` already");
  ASSERT_TRUE(reembed(*engine_, {.vector_name = "", .model = kOldModel}).has_value());
  EXPECT_EQ(wait_until_over(*engine_).phase, ReembedPhase::kFinished);
  check(kOldModel, 900);
}

TEST_F(Reembed, SaysWhyItCannotBegin) {
  const auto message = [&](ReembedRequest request) { return reembed(*engine_, std::move(request)).error().message; };
  EXPECT_EQ(reembed(*engine_, {.vector_name = "", .model = "unknown"}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(message({.vector_name = "", .model = "unknown"}), "model `unknown` is not loaded; loaded: old, new");
  EXPECT_EQ(message({.vector_name = "x", .model = kNewModel}), "Not existing vector name error: x");
  EXPECT_EQ(message({.vector_name = "", .model = kNewModel}),
            "vector ``: no text is kept that could be encoded: 0 points have the vector, all as ready vectors");
  add_texts(1, 3);
  ASSERT_TRUE(write(*engine_, "c", upsert({point(9, std::vector<float>(kOldModelDim, 1))})).has_value());
  EXPECT_EQ(message({.vector_name = "", .model = kNewModel}),
            "vector ``: 1 of 4 points brought ready vectors, without a text that could be encoded. With \"points_without_text\": "
            "\"drop\" they lose the vector");
  EXPECT_EQ(engine_->reembed_progress("c", "")->phase, ReembedPhase::kNone);
  ASSERT_TRUE(reembed(*engine_, {.vector_name = "", .model = kNewModel, .drop_without_text = true}).has_value());
  EXPECT_EQ(wait_until_over(*engine_).phase, ReembedPhase::kFinished);
  EXPECT_EQ(count(*engine_, "c").value(), 4U);
  EXPECT_EQ(engine_->collection_info("c")->indexed_vectors_count, 3U);
}

TEST_F(Reembed, RunsBesideWritersAndSearchersThatSeeNoFailure) {
  add_texts(1, 3000);
  std::atomic<bool> stop{false};
  std::atomic<int> searches{0};
  std::atomic<int> writes{0};
  std::atomic<int> other_models{0};
  std::mutex mutex;
  std::set<std::string> failures;
  const auto note = [&](const Error& error) {
    std::lock_guard lock(mutex);
    failures.insert(error.message);
  };
  std::vector<std::jthread> threads;
  for (int searcher = 0; searcher < 2; ++searcher) {
    threads.emplace_back([&, searcher] {
      std::mt19937_64 random(static_cast<std::uint64_t>(searcher));
      while (!stop) {
        const std::uint64_t id = 1 + random() % 1000;
        const auto found = search(numbered_text(id));
        if (!found) {
          note(found.error());
          continue;
        }
        ++searches;
        // These points are not written to: each is found by its own text, whichever model serves.
        if (found->points.empty() || found->points.front().score < 0.999F)
          note({ErrorCode::kInternal, "not found: " + numbered_text(id)});
        if (found->tokens_by_model.contains(kNewModel)) ++other_models;
      }
    });
  }
  threads.emplace_back([&] {
    std::mt19937_64 random(7);
    while (!stop) {
      const std::uint64_t id = 1001 + random() % 3000;
      Result<WriteResult> done;
      switch (random() % 4) {
        case 0: done = write(*engine_, "c", upsert({text_point(id, numbered_text(random()))})); break;
        case 1: done = write(*engine_, "c", UpdateVectors{{text_point(1001 + random() % 500, numbered_text(random()))}}); break;
        case 2:
          done = write(*engine_, "c", SetPayload{std::vector{PointId::number(1 + random() % 1000)}, R"({"edited":true})", {}});
          break;
        default: done = write(*engine_, "c", DeletePoints{std::vector{PointId::number(1501 + random() % 2000)}}); break;
      }
      if (!done && done.error().code != ErrorCode::kNotFound) note(done.error());
      ++writes;
    }
  });
  ASSERT_TRUE(reembed(*engine_, {.vector_name = "", .model = kNewModel}).has_value());
  EXPECT_EQ(wait_until_over(*engine_).phase, ReembedPhase::kFinished);
  const int writes_before = writes;
  while (other_models < 5 || writes < writes_before + 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  stop = true;
  threads.clear();
  EXPECT_TRUE(failures.empty()) << failures.size() << " kinds of failure, one: " << *failures.begin();
  std::cout << searches << " searches, " << writes << " writes\n";
  check(kNewModel, count(*engine_, "c").value());
}

TEST_F(Reembed, RefusesReadyVectorsWhileItRunsAndCanBeCancelled) {
  add_texts(1, 4000);
  ASSERT_TRUE(reembed(*engine_, {.vector_name = "", .model = kNewModel}).has_value());
  EXPECT_EQ(reembed(*engine_, {.vector_name = "", .model = kOldModel}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(reembed(*engine_, {.vector_name = "", .model = kNewModel}).has_value());
  const auto refused = write(*engine_, "c", upsert({point(1, std::vector<float>(kOldModelDim, 1))}));
  const auto cancelled = wait_for<bool>([&](Done<bool> done) { engine_->cancel_reembed("c", "", std::move(done)); });
  // It may have been over by then.
  if (cancelled.value()) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message,
              "vector `` is being re-embedded by model `new`: points have to bring its text, not ready vectors");
    EXPECT_EQ(engine_->reembed_progress("c", "")->phase, ReembedPhase::kCancelled);
    check(kOldModel, 4000);
    open();
    EXPECT_EQ(engine_->reembed_progress("c", "")->phase, ReembedPhase::kNone);
  }
  EXPECT_FALSE(wait_for<bool>([&](Done<bool> done) { engine_->cancel_reembed("c", "", std::move(done)); }).value());
  ASSERT_TRUE(write(*engine_, "c", upsert({text_point(1, "a river")})).has_value());
}

TEST_F(Reembed, ACollectionThatGoesAwayEndsIt) {
  add_texts(1, 3000);
  ASSERT_TRUE(reembed(*engine_, {.vector_name = "", .model = kNewModel}).has_value());
  ASSERT_TRUE(remove(*engine_, "c").value());
  ASSERT_TRUE(create(*engine_, "c", one_vector(kOldModelDim)).has_value());
  EXPECT_EQ(engine_->reembed_progress("c", "")->phase, ReembedPhase::kNone);
  add_texts(1, 50);
  check(kOldModel, 50);
}

TEST_F(Reembed, GoesOnAfterKillsWithoutEncodingAgain) {
  constexpr std::uint64_t kTexts = 8000;
  add_texts(1, kTexts);
  engine_.reset();
  std::mt19937_64 random(random_seed());
  const std::string program = std::string(ORTHANT_BINARY_DIR) + "/tests/engine_reembed_process";
  std::uint64_t reported = 0;  // encoded, by the process before
  int kills = 0;
  for (bool finished = false; !finished;) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t process = fork();
    if (process == 0) {
      dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      execl(program.c_str(), program.c_str(), directory_.path().c_str(), nullptr);
      _exit(127);
    }
    ::close(ends[1]);
    const std::uint64_t kill_at = kills < 4 ? reported + random() % 2000 : UINT64_MAX;
    std::uint64_t report[2];
    std::uint64_t encoded = 0;
    std::uint64_t resumed = 0;
    while (read(ends[0], report, sizeof report) == sizeof report) {
      encoded = std::max(encoded, report[0]);
      resumed = std::max(resumed, report[1]);
      if (report[0] >= kill_at && report[0] < kTexts) {
        kill(process, SIGKILL);
        break;
      }
    }
    ::close(ends[0]);
    int status = 0;
    waitpid(process, &status, 0);
    finished = WIFEXITED(status);
    if (finished) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
    } else {
      ++kills;
    }
    // What was reported as encoded is not encoded again.
    if (resumed > 0) {
      EXPECT_GE(resumed, reported);
    }
    reported = std::max(reported, encoded);
  }
  EXPECT_GE(kills, 1);
  std::cout << kills << " kills\n";
  open();
  check(kNewModel, kTexts);
}

}  // namespace
}  // namespace orthant::test
