#include "encoder/encode_batcher.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"
#include "encoder/estimated_tokens.h"

namespace orthant {
namespace {

using Clock = std::chrono::steady_clock;

// A text of at most this many tokens is short: it is batched with its like, so that it never waits for long ones to be computed.
constexpr std::size_t kShortTokens = 64;
// With idle threads, a queue is split down to batches of this size; smaller ones would read the weights for too little work.
constexpr std::size_t kMinBatchTokens = 128;
// How much longer than a short text a long one waits at most while short ones keep coming.
constexpr auto kLongPatience = std::chrono::milliseconds(20);

// One request from submit() to its answer.
struct Pending {
  EncodeRequest request;
  EncodeBatcher::Done done;  // empty once it was called
  EncodeResult result;
  std::size_t remaining = 0;  // texts not encoded yet
};

struct WaitingText {
  std::shared_ptr<Pending> pending;
  std::size_t position = 0;
  std::size_t tokens = 0;  // estimated
  Clock::time_point arrival;
};

struct Queue {
  std::deque<WaitingText> texts;
  std::size_t tokens = 0;
};

// Answers are collected under the lock and given after it.
struct Answer {
  EncodeBatcher::Done done;
  Result<EncodeResult> result;
};

void give(std::vector<Answer>& answers) {
  for (Answer& answer : answers) answer.done(std::move(answer.result));
  answers.clear();
}

struct Metrics {
  explicit Metrics(const std::string& model)
      : label(fmt::format("model=\"{}\"", escape_label(model))),
        queued_tokens(gauge("orthant_encode_queued_tokens", "Tokens (estimated) that wait for encoding", label)),
        texts(counter("orthant_encode_texts_total", "Texts encoded", label)),
        tokens(counter("orthant_encode_tokens_total", "Tokens encoded, special ones included", label)),
        refused(counter("orthant_encode_refused_total", "Requests refused because the queue was full", label)),
        dropped(counter("orthant_encode_dropped_total", "Requests dropped: deadline passed or client gone", label)),
        batch_tokens(histogram("orthant_encode_batch_tokens", "Tokens of a batch", size_buckets(), label)),
        seconds(histogram("orthant_encode_seconds", "Time to encode a batch", duration_buckets(), label)) {}

  std::string label;
  Gauge& queued_tokens;
  Counter& texts;
  Counter& tokens;
  Counter& refused;
  Counter& dropped;
  Histogram& batch_tokens;
  Histogram& seconds;
};

Result<EncodeResult> encode_safely(const Encoder& encoder, std::span<const TokenizedText> texts, const EncodeOptions& options) {
  try {
    return encoder.encode_tokens(texts, options);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kResourceExhausted, "not enough memory to encode the texts");
  } catch (const std::exception& exception) {
    return internal_error(fmt::format("encoding failed: {}", exception.what()));
  }
}

}  // namespace

class EncodeBatcher::Impl {
 public:
  Impl(const Encoder& encoder, ThreadPool& pool, EncodeBatcherOptions options)
      : encoder_(encoder),
        lanes_{Lane{&pool, options.bulk_pool == nullptr ? kAllQueues : kInteractiveQueues}, Lane{options.bulk_pool, kBulkQueue}},
        options_(options),
        metrics_(encoder.info().name) {}
  ~Impl();

  void submit(EncodeRequest request, Done done);
  const Encoder& encoder() const { return encoder_; }
  std::size_t queued_tokens() const {
    const std::lock_guard lock(mutex_);
    return waiting_tokens();
  }

 private:
  // In the order of preference; kShort and kLong are interactive.
  enum QueueIndex : std::size_t { kShort, kLong, kBulk };
  struct QueueRange {
    std::size_t first = 0;
    std::size_t last = 0;  // beyond the last one
  };
  static constexpr QueueRange kAllQueues{kShort, kBulk + 1};
  static constexpr QueueRange kInteractiveQueues{kShort, kBulk};
  static constexpr QueueRange kBulkQueue{kBulk, kBulk + 1};
  // A pool and the queues that it serves.
  struct Lane {
    ThreadPool* pool = nullptr;  // null: nobody's
    QueueRange queues;
    std::size_t runners = 0;  // tasks in the pool that will take a batch; guarded by mutex_
  };

  Status check(const EncodeRequest& request) const;
  Status enqueue(const std::shared_ptr<Pending>& pending);
  Lane& lane_of(const EncodeRequest& request) { return lanes_[request.bulk && lanes_[1].pool != nullptr ? 1 : 0]; }
  void start_runners(Lane& lane);
  void run(Lane& lane);
  std::vector<WaitingText> next_batch(const Lane& lane, std::vector<Answer>& answers);
  Queue* choose_queue(const Lane& lane);
  bool dropped(const WaitingText& text, std::vector<Answer>& answers);
  void encode(std::span<const WaitingText> batch, std::vector<Answer>& answers);
  void deliver(std::span<const WaitingText> batch, const Result<EncodeResult>& encoded, std::vector<Answer>& answers);
  void finish_run(Lane& lane);
  void fail_waiting(QueueRange queues, std::vector<Answer>& answers);
  std::size_t waiting_tokens(QueueRange queues = kAllQueues) const {
    std::size_t tokens = 0;
    for (std::size_t i = queues.first; i < queues.last; ++i) tokens += queues_[i].tokens;
    return tokens;
  }

  const Encoder& encoder_;
  std::array<Lane, 2> lanes_;
  const EncodeBatcherOptions options_;
  Metrics metrics_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::array<Queue, 3> queues_;  // guarded by mutex_
  bool stopping_ = false;        // guarded by mutex_
};

EncodeBatcher::Impl::~Impl() {
  std::vector<Answer> answers;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    fail_waiting(kAllQueues, answers);
    idle_.wait(lock, [this] { return lanes_[0].runners + lanes_[1].runners == 0; });
  }
  give(answers);
}

// Takes everything that waits in these queues. The caller holds the lock.
void EncodeBatcher::Impl::fail_waiting(QueueRange queues, std::vector<Answer>& answers) {
  for (std::size_t i = queues.first; i < queues.last; ++i) {
    Queue& queue = queues_[i];
    for (WaitingText& text : queue.texts) {
      if (text.pending->done == nullptr) continue;
      answers.push_back(
          {std::exchange(text.pending->done, nullptr), fail(ErrorCode::kUnavailable, "the encoder is shutting down")});
    }
    queue = Queue();
  }
  metrics_.queued_tokens.set(static_cast<std::int64_t>(waiting_tokens()));
}

Status EncodeBatcher::Impl::check(const EncodeRequest& request) const {
  const EncoderInfo& info = encoder_.info();
  if (request.options.dimensions > info.dim) {
    return invalid_argument(
        fmt::format("dimensions: found {}, the model \"{}\" gives {}", request.options.dimensions, info.name, info.dim));
  }
  return {};
}

void EncodeBatcher::Impl::submit(EncodeRequest request, Done done) {
  Status valid = check(request);
  if (!valid) return done(std::unexpected(std::move(valid).error()));
  auto pending = std::make_shared<Pending>();
  const std::size_t count = request.texts.size();
  const std::size_t dim = request.options.dimensions == 0 ? encoder_.info().dim : request.options.dimensions;
  pending->result.embeddings = {count, dim, std::vector<float>(count * dim)};
  pending->result.token_counts.resize(count);
  pending->result.truncated.resize(count);
  if (count == 0) return done(std::move(pending->result));
  pending->remaining = count;
  pending->request = std::move(request);
  pending->done = std::move(done);
  Status accepted = enqueue(pending);
  if (!accepted) std::exchange(pending->done, nullptr)(std::unexpected(std::move(accepted).error()));
}

Status EncodeBatcher::Impl::enqueue(const std::shared_ptr<Pending>& pending) {
  const EncodeRequest& request = pending->request;
  std::vector<std::size_t> tokens;
  std::size_t total = 0;
  for (const std::string& text : request.texts) {
    tokens.push_back(estimated_tokens(text, encoder_.info().max_seq_length));
    total += tokens.back();
  }
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (stopping_) return fail(ErrorCode::kUnavailable, "the encoder is shutting down");
  const std::size_t waiting = waiting_tokens();
  if (waiting + total > options_.max_queued_tokens) {
    metrics_.refused.add();
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the queue of texts to encode is full: {} tokens wait, the request has about {}, {} fit", waiting,
                            total, options_.max_queued_tokens));
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Queue& queue = queues_[request.bulk ? kBulk : tokens[i] <= kShortTokens ? kShort : kLong];
    queue.texts.push_back({pending, i, tokens[i], now});
    queue.tokens += tokens[i];
  }
  metrics_.queued_tokens.set(static_cast<std::int64_t>(waiting + total));
  Lane& lane = lane_of(request);
  start_runners(lane);
  // A runner that exists takes the texts even if the pool accepts no further one.
  if (lane.runners > 0) return {};
  for (std::size_t i = lane.queues.first; i < lane.queues.last; ++i) queues_[i] = Queue();
  return fail(ErrorCode::kUnavailable, "the encode pool has stopped");
}

// As many tasks in the pool as there is work for. The caller holds the lock.
void EncodeBatcher::Impl::start_runners(Lane& lane) {
  const std::size_t batches = (waiting_tokens(lane.queues) + kMinBatchTokens - 1) / kMinBatchTokens;
  const std::size_t wanted = std::min(batches, lane.pool->thread_count());
  while (lane.runners < wanted && lane.pool->submit_continuation([this, &lane] { run(lane); })) ++lane.runners;
}

// One batch a task: what else waits in the pool, and interactive texts that came meanwhile, go before the next one.
void EncodeBatcher::Impl::run(Lane& lane) {
  std::vector<Answer> answers;
  std::vector<WaitingText> batch;
  {
    const std::lock_guard lock(mutex_);
    batch = next_batch(lane, answers);
  }
  give(answers);
  if (!batch.empty()) encode(batch, answers);
  batch.clear();
  give(answers);
  finish_run(lane);
}

void EncodeBatcher::Impl::finish_run(Lane& lane) {
  std::vector<Answer> refused;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_tokens(lane.queues) > 0) {
      if (lane.pool->submit_continuation([this, &lane] { run(lane); })) return;
      fail_waiting(lane.queues, refused);  // the pool has stopped
    }
  }
  give(refused);
  const std::lock_guard lock(mutex_);
  --lane.runners;
  // Notified under the lock: the destructor may run as soon as it is free.
  if (lane.runners == 0) idle_.notify_all();
}

// Short texts first, but a long one is not left waiting for ever.
Queue* EncodeBatcher::Impl::choose_queue(const Lane& lane) {
  Queue& short_texts = queues_[kShort];
  Queue& long_texts = queues_[kLong];
  if (lane.queues.first == kShort && !short_texts.texts.empty() && !long_texts.texts.empty()) {
    const bool overdue = long_texts.texts.front().arrival + kLongPatience < short_texts.texts.front().arrival;
    return overdue ? &long_texts : &short_texts;
  }
  for (std::size_t i = lane.queues.first; i < lane.queues.last; ++i) {
    if (!queues_[i].texts.empty()) return &queues_[i];
  }
  return nullptr;
}

// Texts of one queue, oldest first, up to the token budget; all want the same dimensions. The caller holds the lock.
std::vector<WaitingText> EncodeBatcher::Impl::next_batch(const Lane& lane, std::vector<Answer>& answers) {
  std::vector<WaitingText> batch;
  Queue* queue = choose_queue(lane);
  if (queue == nullptr) return batch;
  const std::size_t share = queue->tokens / lane.pool->thread_count();
  const std::size_t budget = std::min(options_.max_batch_tokens, std::max(share, kMinBatchTokens));
  std::size_t tokens = 0;
  while (!queue->texts.empty()) {
    WaitingText& text = queue->texts.front();
    const bool drop = dropped(text, answers);
    if (!drop && !batch.empty()) {
      const EncodeOptions& options = batch.front().pending->request.options;
      if (tokens + text.tokens > budget || text.pending->request.options.dimensions != options.dimensions) break;
    }
    queue->tokens -= text.tokens;
    if (!drop) {
      tokens += text.tokens;
      batch.push_back(std::move(text));
    }
    queue->texts.pop_front();
  }
  metrics_.queued_tokens.set(static_cast<std::int64_t>(waiting_tokens()));
  return batch;
}

// Whether nobody wants the text any more. The first such text of a request answers for all of it.
bool EncodeBatcher::Impl::dropped(const WaitingText& text, std::vector<Answer>& answers) {
  Pending& pending = *text.pending;
  if (pending.done == nullptr) return true;
  const bool cancelled = pending.request.cancelled != nullptr && pending.request.cancelled->load(std::memory_order_relaxed);
  const bool late = pending.request.deadline != Clock::time_point::max() && Clock::now() > pending.request.deadline;
  if (!cancelled && !late) return false;
  metrics_.dropped.add();
  answers.push_back({std::exchange(pending.done, nullptr),
                     cancelled ? fail(ErrorCode::kCancelled, "the client has left before its texts were encoded")
                               : fail(ErrorCode::kDeadlineExceeded, "the deadline passed before the texts were encoded")});
  return true;
}

void EncodeBatcher::Impl::encode(std::span<const WaitingText> batch, std::vector<Answer>& answers) {
  const Clock::time_point start = Clock::now();
  std::vector<TokenizedText> texts;
  std::size_t tokens = 0;
  for (const WaitingText& text : batch) {
    const EncodeRequest& request = text.pending->request;
    texts.push_back(encoder_.tokenize(request.texts[text.position], request.options.purpose));
    tokens += texts.back().ids.size();
  }
  const Result<EncodeResult> encoded = encode_safely(encoder_, texts, batch.front().pending->request.options);
  metrics_.texts.add(batch.size());
  metrics_.tokens.add(tokens);
  metrics_.batch_tokens.observe(static_cast<double>(tokens));
  metrics_.seconds.observe(std::chrono::duration<double>(Clock::now() - start).count());
  const std::lock_guard lock(mutex_);
  deliver(batch, encoded, answers);
}

// Copies rows to the requests they belong to and collects the answers of those that are whole. The caller holds the lock.
void EncodeBatcher::Impl::deliver(std::span<const WaitingText> batch, const Result<EncodeResult>& encoded,
                                  std::vector<Answer>& answers) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Pending& pending = *batch[i].pending;
    if (pending.done == nullptr) continue;
    if (!encoded) {
      answers.push_back({std::exchange(pending.done, nullptr), std::unexpected(encoded.error())});
      continue;
    }
    const std::span<const float> row = encoded->embeddings.row(i);
    std::copy(row.begin(), row.end(), pending.result.embeddings.row(batch[i].position).begin());
    pending.result.token_counts[batch[i].position] = encoded->token_counts[i];
    pending.result.truncated[batch[i].position] = encoded->truncated[i];
    if (--pending.remaining == 0) answers.push_back({std::exchange(pending.done, nullptr), std::move(pending.result)});
  }
}

EncodeBatcher::EncodeBatcher(const Encoder& encoder, ThreadPool& pool, EncodeBatcherOptions options)
    : impl_(std::make_unique<Impl>(encoder, pool, options)) {}
EncodeBatcher::~EncodeBatcher() = default;

void EncodeBatcher::submit(EncodeRequest request, Done done) {
  impl_->submit(std::move(request), std::move(done));
}
const Encoder& EncodeBatcher::encoder() const {
  return impl_->encoder();
}
std::size_t EncodeBatcher::queued_tokens() const {
  return impl_->queued_tokens();
}

}  // namespace orthant
