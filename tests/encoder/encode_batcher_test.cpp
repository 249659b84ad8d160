// The batcher over a fake encoder, whose embedding of a text tells which text it was.

#include "encoder/encode_batcher.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

using namespace std::chrono_literals;

// A token a byte; the embedding is (hash of the text, number of tokens). While the gate is closed, encoding waits.
class FakeEncoder final : public Encoder {
 public:
  FakeEncoder() {
    info_.name = "fake";
    info_.dim = 2;
    info_.max_seq_length = 1000;
  }
  const EncoderInfo& info() const override { return info_; }
  TokenizedText tokenize(std::string_view text, Purpose) const override {
    TokenizedText tokens;
    for (const char byte : text) tokens.ids.push_back(static_cast<unsigned char>(byte));
    return tokens;
  }
  Result<EncodeResult> encode(std::span<const std::string_view>, const EncodeOptions&) const override {
    return internal_error("unused");
  }
  Result<EncodeResult> encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const override {
    std::unique_lock lock(mutex_);
    batches_.emplace_back();
    EncodeResult result;
    result.embeddings.rows = texts.size();
    result.embeddings.dim = options.dimensions == 0 ? 2 : options.dimensions;
    for (const TokenizedText& text : texts) {
      const std::string bytes(text.ids.begin(), text.ids.end());
      batches_.back().push_back(bytes);
      if (bytes == "poison") return internal_error("poisoned");
      result.embeddings.values.push_back(value_of(bytes));
      if (result.embeddings.dim == 2) result.embeddings.values.push_back(static_cast<float>(bytes.size()));
      result.token_counts.push_back(static_cast<std::uint32_t>(bytes.size()));
      result.truncated.push_back(bytes.size() > 500);
    }
    entered_.notify_all();
    opened_.wait(lock, [this] { return open_; });
    return result;
  }
  Result<EmbeddingMatrix> calibration_ranges(std::size_t /*dimensions*/) const override { return internal_error("unused"); }

  static float value_of(const std::string& text) { return static_cast<float>(std::hash<std::string>{}(text) % 10007); }
  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    opened_.notify_all();
  }
  void wait_for_batches(std::size_t count) const {
    std::unique_lock lock(mutex_);
    entered_.wait(lock, [&] { return batches_.size() >= count; });
  }
  std::vector<std::vector<std::string>> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  EncoderInfo info_;
  mutable std::mutex mutex_;
  mutable std::condition_variable entered_;
  mutable std::condition_variable opened_;
  mutable std::vector<std::vector<std::string>> batches_;  // guarded by mutex_
  bool open_ = true;                                       // guarded by mutex_
};

std::future<Result<EncodeResult>> submit(EncodeBatcher& batcher, EncodeRequest request) {
  auto promise = std::make_shared<std::promise<Result<EncodeResult>>>();
  auto future = promise->get_future();
  batcher.submit(std::move(request), [promise](Result<EncodeResult> result) { promise->set_value(std::move(result)); });
  return future;
}

EncodeRequest request_of(std::vector<std::string> texts, bool bulk = false) {
  EncodeRequest request;
  request.texts = std::move(texts);
  request.bulk = bulk;
  return request;
}

TEST(EncodeBatcher, GivesEachTextItsOwnRowUnderManyThreads) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 3, 16);
  EncodeBatcher batcher(encoder, pool, {.max_batch_tokens = 200, .max_queued_tokens = 1 << 24});
  const std::uint64_t seed = test::random_seed();
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (std::uint64_t client = 0; client < 6; ++client) {
    clients.emplace_back([&, client] {
      std::mt19937_64 generator(seed + client);
      for (int round = 0; round < 100; ++round) {
        std::vector<std::string> texts;
        for (std::size_t i = generator() % 20; i > 0; --i)
          texts.emplace_back(generator() % 700, static_cast<char>('a' + generator() % 26));
        const auto result = submit(batcher, request_of(texts, generator() % 2 == 0)).get();
        if (!result || result->embeddings.rows != texts.size()) {
          ++wrong;
          continue;
        }
        for (std::size_t i = 0; i < texts.size(); ++i) {
          wrong += result->embeddings.row(i)[0] != FakeEncoder::value_of(texts[i]);
          wrong += result->token_counts[i] != texts[i].size();
          wrong += result->truncated[i] != (texts[i].size() > 500);
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(batcher.queued_tokens(), 0U);
}

TEST(EncodeBatcher, PutsTextsOfManyRequestsIntoOneBatch) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto first = submit(batcher, request_of({"first"}));
  encoder.wait_for_batches(1);
  auto second = submit(batcher, request_of({"second"}));
  auto third = submit(batcher, request_of({"third"}));
  encoder.set_open(true);
  ASSERT_TRUE(first.get() && second.get() && third.get());
  EXPECT_EQ(encoder.batches(), (std::vector<std::vector<std::string>>{{"first"}, {"second", "third"}}));
}

TEST(EncodeBatcher, TakesInteractiveTextsBeforeBulk) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto blocking = submit(batcher, request_of({"blocking"}));
  encoder.wait_for_batches(1);
  auto bulk = submit(batcher, request_of({"bulk"}, true));
  auto interactive = submit(batcher, request_of({"interactive"}));
  encoder.set_open(true);
  ASSERT_TRUE(blocking.get() && bulk.get() && interactive.get());
  EXPECT_EQ(encoder.batches()[1], std::vector<std::string>{"interactive"});
  EXPECT_EQ(encoder.batches()[2], std::vector<std::string>{"bulk"});
}

TEST(EncodeBatcher, KeepsShortTextsApartFromLongOnes) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto blocking = submit(batcher, request_of({"blocking"}));
  encoder.wait_for_batches(1);
  auto mixed = submit(batcher, request_of({std::string(900, 'l'), "short", "brief"}));
  encoder.set_open(true);
  ASSERT_TRUE(blocking.get() && mixed.get());
  EXPECT_EQ(encoder.batches()[1], (std::vector<std::string>{"short", "brief"}));
}

TEST(EncodeBatcher, SplitsARequestOverIdleThreads) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 2, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto request = submit(batcher, request_of(std::vector<std::string>(20, std::string(200, 'x'))));
  encoder.wait_for_batches(2);  // would wait for ever if one thread took it all
  encoder.set_open(true);
  EXPECT_TRUE(request.get().has_value());
}

TEST(EncodeBatcher, RefusesWhenTheQueueIsFull) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {.max_batch_tokens = 100, .max_queued_tokens = 300});
  encoder.set_open(false);
  auto running = submit(batcher, request_of({"running"}));
  encoder.wait_for_batches(1);
  auto waiting = submit(batcher, request_of({std::string(800, 'w')}));
  auto refused = submit(batcher, request_of({std::string(800, 'r')}));
  ASSERT_EQ(refused.wait_for(0s), std::future_status::ready) << "the answer must come at once";
  EXPECT_EQ(refused.get().error().code, ErrorCode::kResourceExhausted);
  encoder.set_open(true);
  EXPECT_TRUE(waiting.get().has_value());
}

TEST(EncodeBatcher, DropsWorkThatNobodyWaitsForBeforeComputingIt) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto blocking = submit(batcher, request_of({"blocking"}));
  encoder.wait_for_batches(1);
  EncodeRequest late = request_of({"late", "late too"});
  late.deadline = std::chrono::steady_clock::now() - 1ms;
  auto gone = std::make_shared<std::atomic<bool>>(false);
  EncodeRequest left = request_of({"left"});
  left.cancelled = gone;
  auto late_answer = submit(batcher, std::move(late));
  auto left_answer = submit(batcher, std::move(left));
  auto kept_answer = submit(batcher, request_of({"kept"}));
  *gone = true;
  encoder.set_open(true);
  EXPECT_EQ(late_answer.get().error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(left_answer.get().error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(kept_answer.get().has_value());
  EXPECT_EQ(encoder.batches()[1], std::vector<std::string>{"kept"});
}

TEST(EncodeBatcher, AnswersEmptyAndImpossibleRequestsAtOnce) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  auto empty = submit(batcher, request_of({}));
  ASSERT_EQ(empty.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(empty.get()->embeddings.rows, 0U);
  EncodeRequest wide = request_of({"text"});
  wide.options.dimensions = 3;
  EXPECT_EQ(submit(batcher, std::move(wide)).get().error().code, ErrorCode::kInvalidArgument);
}

TEST(EncodeBatcher, KeepsRequestsOfOtherDimensionsApart) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  encoder.set_open(false);
  auto blocking = submit(batcher, request_of({"blocking"}));
  encoder.wait_for_batches(1);
  EncodeRequest narrow = request_of({"narrow"});
  narrow.options.dimensions = 1;
  auto narrow_answer = submit(batcher, std::move(narrow));
  auto whole_answer = submit(batcher, request_of({"whole"}));
  encoder.set_open(true);
  EXPECT_EQ(narrow_answer.get()->embeddings.dim, 1U);
  EXPECT_EQ(whole_answer.get()->embeddings.dim, 2U);
}

TEST(EncodeBatcher, GivesAnErrorOfTheEncoderToAllOfItsBatch) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  EXPECT_EQ(submit(batcher, request_of({"poison"})).get().error().code, ErrorCode::kInternal);
  EXPECT_TRUE(submit(batcher, request_of({"fine"})).get().has_value());
}

TEST(EncodeBatcher, FailsWhatWaitsWhenItGoesAndFinishesWhatRuns) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  auto batcher = std::make_unique<EncodeBatcher>(encoder, pool, EncodeBatcherOptions{});
  encoder.set_open(false);
  auto running = submit(*batcher, request_of({"running"}));
  encoder.wait_for_batches(1);
  auto waiting = submit(*batcher, request_of({"waiting"}));
  std::thread closing([&] { batcher.reset(); });
  std::this_thread::sleep_for(5ms);
  encoder.set_open(true);
  closing.join();
  EXPECT_TRUE(running.get().has_value());
  // Which of the two it is depends on whether the destructor came before the runner's second turn.
  const auto result = waiting.get();
  EXPECT_TRUE(result.has_value() || result.error().code == ErrorCode::kUnavailable);
}

TEST(EncodeBatcher, FailsWhatWaitsWhenThePoolStops) {
  FakeEncoder encoder;
  ThreadPool pool("encode", 1, 16);
  EncodeBatcher batcher(encoder, pool, {});
  pool.stop();
  EXPECT_EQ(submit(batcher, request_of({"text"})).get().error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace orthant
