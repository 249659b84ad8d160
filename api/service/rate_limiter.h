#pragma once
// RateLimiter: a bucket of tokens for each client, filled at a constant rate up to one second's worth. Safe from any thread; memory
// is bounded by the clients of the last second.

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace orthant::service {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RateLimiter(std::size_t requests_per_second) : rate_(static_cast<double>(requests_per_second)) {}

  // Takes one token of the client's: zero time. Without a token to take, the time until there is one.
  std::chrono::nanoseconds take(const std::string& client, Clock::time_point now = Clock::now());
  std::size_t client_count() const;

 private:
  struct Bucket {
    double tokens;
    Clock::time_point filled;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Bucket> buckets;  // guarded by mutex
    std::size_t sweep_at = 1'024;                     // guarded by mutex
  };
  void sweep(Shard& shard, Clock::time_point now) const;

  const double rate_;
  std::array<Shard, 16> shards_;
};

}  // namespace orthant::service
