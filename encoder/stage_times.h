#pragma once
// StageTimes: where the time of encoding goes, by stage, for `orthant bench encoder --profile`. Nobody reads a clock unless there
// are StageTimes to add to. Plain values; one thread at a time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace orthant {

enum class EncodeStage : std::uint8_t {
  kTokenization,
  kEmbedding,  // look-up and its norm
  kQueryKeyValue,
  kAttention,
  kAttentionOutput,
  kFeedForwardUp,
  kFeedForwardDown,
  kNorms,
  kPooling,            // and all that follows it
  kInputQuantization,  // of the linear layers' inputs; not counted in theirs
};

inline constexpr std::array<std::string_view, 10> kEncodeStageNames = {
    "tokenization", "embedding", "QKV",   "attention", "attention output",
    "FFN up",       "FFN down",  "norms", "pooling",   "input quantization"};

// CPU seconds of the encoding thread.
struct StageTimes {
  std::array<double, kEncodeStageNames.size()> seconds{};

  double& of(EncodeStage stage) { return seconds[static_cast<std::size_t>(stage)]; }
};

// Gives the time since the last mark (or since it was made) to a stage, without what was given to kInputQuantization meanwhile.
class StageClock {
 public:
  // Null: does nothing.
  explicit StageClock(StageTimes* times) : times_(times) {
    if (times_ != nullptr) restart();
  }

  void mark(EncodeStage stage) {
    if (times_ == nullptr) return;
    const double elapsed = now() - start_;
    const double elsewhere = times_->of(EncodeStage::kInputQuantization) - quantized_;
    times_->of(stage) += elapsed - elsewhere;
    restart();
  }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  void restart() {
    start_ = now();
    quantized_ = times_->of(EncodeStage::kInputQuantization);
  }

  StageTimes* times_;
  double start_ = 0;
  double quantized_ = 0;
};

}  // namespace orthant
