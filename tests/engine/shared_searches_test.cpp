// Searches of separate calls that wait for a thread together: one pass over the codes serves them, and nobody notices.

#include <future>
#include <limits>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/engine/engine_fixture.h"
#include "tests/engine/shared_search_sizes.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 24;
// So few that no upkeep changes codes or depths while a test compares answers.
constexpr std::size_t kRows = 900;

using Answer = Result<std::vector<QueryResult>>;

class SharedSearches : public testing::Test {
 protected:
  SharedSearches() : random_(random_seed()) { open(1); }

  void open(std::size_t threads) {
    engine_.reset();
    Settings settings = settings_for(directory_.path());
    settings.threads = threads;
    engine_ = Engine::open(settings).value();
  }

  std::vector<float> random_vector() {
    std::normal_distribution<float> value;
    std::vector<float> vector(kDim);
    for (float& x : vector) x = value(random_);
    return vector;
  }

  void fill(const std::string& name, std::size_t exact_below_bytes = 0, IndexStructure structure = IndexStructure::kFlat) {
    CollectionConfig config = one_vector(kDim);
    config.vectors[""].index.exact_below_bytes = exact_below_bytes;
    config.vectors[""].index.structure = structure;
    ASSERT_TRUE(create(*engine_, name, config).has_value());
    std::vector<PointInput> points;
    for (std::size_t i = 0; i < kRows; ++i) {
      points.push_back(point(i, random_vector(), i % 3 == 0 ? R"({"third":true})" : R"({"third":false})"));
    }
    ASSERT_TRUE(write(*engine_, name, upsert(std::move(points))).has_value());
  }

  static QueryRequest nearest(std::vector<float> vector, std::size_t limit = 10) {
    QueryRequest request;
    request.query = VectorInput(std::move(vector));
    request.limit = limit;
    return request;
  }

  std::future<Answer> start(const std::string& name, QueryRequest request, RequestContext context = {}) {
    auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> answer = promise->get_future();
    std::vector<QueryRequest> requests;
    requests.push_back(std::move(request));
    engine_->query(name, std::move(requests), std::move(context),
                   [promise](Answer result) { promise->set_value(std::move(result)); });
    return answer;
  }

  // Keeps the only search thread busy while `body` runs.
  void while_busy(const std::string& name, const std::function<void()>& body) {
    std::promise<void> release;
    const auto running = std::make_shared<std::promise<void>>();
    engine_->count(name, {}, {}, [running, released = release.get_future().share()](Result<std::uint64_t>) {
      running->set_value();
      released.wait();
    });
    running->get_future().wait();
    body();
    release.set_value();
  }

  static void expect_same(const Answer& answer, const QueryResult& expected) {
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto& points = answer->front().points;
    ASSERT_EQ(points.size(), expected.points.size());
    for (std::size_t rank = 0; rank < points.size(); ++rank) {
      EXPECT_EQ(points[rank].record.id, expected.points[rank].record.id) << rank;
      EXPECT_EQ(points[rank].score, expected.points[rank].score) << rank;
    }
  }

  // Asks alone, then all together while the thread is busy, and gives what the histogram counted of the latter.
  SharedSearchSizes ask_together(const std::string& name, const std::vector<QueryRequest>& requests) {
    std::vector<QueryResult> alone;
    for (const QueryRequest& request : requests) alone.push_back(query(*engine_, name, request).value());
    const SharedSearchSizes since;
    std::vector<std::future<Answer>> answers;
    while_busy(name, [&] {
      for (const QueryRequest& request : requests) answers.push_back(start(name, request));
    });
    for (std::size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE(i);
      expect_same(answers[i].get(), alone[i]);
    }
    return since;
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SharedSearches, WaitingCallsShareAPassAndFindWhatTheyFindAlone) {
  fill("c");
  std::vector<QueryRequest> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(nearest(random_vector()));
  const SharedSearchSizes since = ask_together("c", requests);
  EXPECT_EQ(since.requests(), 20U);
  EXPECT_EQ(since.passes(), 3U);  // 8, 8 and 4
}

TEST_F(SharedSearches, OnlyWhatIsSearchedAlikeIsJoined) {
  fill("c");
  fill("other");
  std::vector<QueryRequest> requests;
  for (int i = 0; i < 12; ++i) requests.push_back(nearest(random_vector(), i % 2 == 0 ? 10 : 25));
  requests[4].score_threshold = 0.5F;
  requests[5].search.oversampling = 4;
  requests[6].payload.enabled = true;
  requests[7].offset = 3;
  const SharedSearchSizes since = ask_together("c", requests);
  EXPECT_EQ(since.requests(), 12U);
  EXPECT_EQ(since.passes(), 5U);  // by limit, and three by themselves

  const SharedSearchSizes others;
  std::vector<std::future<Answer>> answers;
  while_busy("c", [&] {
    for (int i = 0; i < 6; ++i) answers.push_back(start(i % 2 == 0 ? "c" : "other", requests[0]));
  });
  for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
  EXPECT_EQ(others.passes(), 2U);
}

TEST_F(SharedSearches, FiltersAndExplanationsGoTheirOwnWay) {
  fill("c");
  std::vector<QueryRequest> requests;
  for (int i = 0; i < 9; ++i) requests.push_back(nearest(random_vector()));
  for (const std::size_t i : {1U, 2U, 3U}) {
    Filter filter;
    filter.must.push_back(FieldCondition{"third", MatchValue{true}});
    requests[i].filter = filter;
  }
  requests[4].explain = true;
  const SharedSearchSizes since = ask_together("c", requests);
  EXPECT_EQ(since.requests(), 5U);
  EXPECT_EQ(since.passes(), 1U);

  std::vector<std::future<Answer>> answers;
  while_busy("c", [&] {
    for (int i = 0; i < 5; ++i) answers.push_back(start("c", requests[i == 3 ? 4 : 0]));
  });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer answer = answers[i].get();
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->front().explanation.has_value(), i == 3);
    if (i != 3) continue;
    const SearchTrace& trace = answer->front().explanation->search->trace;
    ASSERT_FALSE(trace.stages.empty());
    EXPECT_EQ(trace.stages.front().name, "asymmetric");
    EXPECT_EQ(trace.stages.front().candidates_in, kRows);
  }
}

TEST_F(SharedSearches, NothingIsJoinedWhereFloatsAreSearched) {
  fill("c", 10'000'000);
  std::vector<QueryRequest> requests;
  for (int i = 0; i < 6; ++i) requests.push_back(nearest(random_vector()));
  const SharedSearchSizes since = ask_together("c", requests);
  EXPECT_EQ(since.requests(), 6U);
  EXPECT_EQ(since.passes(), 6U);
}

TEST_F(SharedSearches, EachCallHasItsOwnError) {
  fill("c");
  const std::vector<float> good = random_vector();
  const QueryResult expected = query(*engine_, "c", nearest(good)).value();
  std::vector<float> not_finite = good;
  not_finite[3] = std::numeric_limits<float>::quiet_NaN();
  const auto left = std::make_shared<std::atomic<bool>>(false);
  QueryRequest unknown = nearest(good);
  unknown.vector_name = "unknown";

  struct Case {
    QueryRequest request;
    RequestContext context;
    std::optional<ErrorCode> error;
    std::string message;
  };
  const auto past = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  const std::vector<Case> cases = {
      {nearest(good), {}, {}, ""},
      {nearest({1, 2, 3}), {}, ErrorCode::kInvalidArgument, "Vector dimension error: expected dim: 24, got 3"},
      {nearest(good), {}, {}, ""},
      {nearest(not_finite), {}, ErrorCode::kInvalidArgument, "NaN"},
      {nearest(good), {.cancelled = left}, ErrorCode::kCancelled, "the client has left"},
      {nearest(good), {.deadline = past, .cancelled = {}}, ErrorCode::kDeadlineExceeded, "time was up"},
      {unknown, {}, ErrorCode::kInvalidArgument, "Not existing vector name error: unknown"},
      {nearest({1, 2, 3}), {}, ErrorCode::kInvalidArgument, "Vector dimension error: expected dim: 24, got 3"},
      {nearest(good), {}, {}, ""},
  };
  const SharedSearchSizes since;
  std::vector<std::future<Answer>> answers;
  while_busy("c", [&] {
    for (const Case& asked : cases) answers.push_back(start("c", asked.request, asked.context));
    left->store(true);
    std::this_thread::sleep_until(past + std::chrono::milliseconds(1));
  });
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const Answer answer = answers[i].get();
    if (!cases[i].error) {
      expect_same(answer, expected);
      continue;
    }
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(error_code_name(answer.error().code), error_code_name(*cases[i].error));
    EXPECT_NE(answer.error().message.find(cases[i].message), std::string::npos) << answer.error().message;
  }
  // The good ones together; each of a wrong size or an unknown name alone.
  EXPECT_EQ(since.passes(), 4U);
}

TEST_F(SharedSearches, ConcurrentClientsFindWhatEachFindsAlone) {
  open(3);
  fill("c");
  std::vector<QueryRequest> requests;
  std::vector<QueryResult> alone;
  for (int i = 0; i < 40; ++i) {
    requests.push_back(nearest(random_vector(), i % 5 == 0 ? 3 : 10));
    alone.push_back(query(*engine_, "c", requests.back()).value());
  }
  std::vector<std::jthread> clients;
  for (std::size_t client = 0; client < 12; ++client) {
    clients.emplace_back([&, client] {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::size_t asked = (i * 7 + client) % requests.size();
        expect_same(start("c", requests[asked]).get(), alone[asked]);
      }
    });
  }
}

TEST_F(SharedSearches, EveryWaitingCallIsAnsweredWhenTheEngineCloses) {
  fill("c");
  std::vector<std::future<Answer>> answers;
  while_busy("c", [&] {
    for (int i = 0; i < 30; ++i) answers.push_back(start("c", nearest(random_vector())));
  });
  engine_.reset();
  for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
}

}  // namespace
}  // namespace orthant::test
