#include "api/service/rate_limiter.h"

#include <algorithm>

namespace orthant::service {

std::chrono::nanoseconds RateLimiter::take(const std::string& client, Clock::time_point now) {
  Shard& shard = shards_[std::hash<std::string>()(client) % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  if (shard.buckets.size() >= shard.sweep_at) sweep(shard, now);
  Bucket& bucket = shard.buckets.try_emplace(client, Bucket{rate_, now}).first->second;
  bucket.tokens = std::min(rate_, bucket.tokens + rate_ * std::chrono::duration<double>(now - bucket.filled).count());
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::chrono::nanoseconds::zero();
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>((1 - bucket.tokens) / rate_));
}

// A bucket that was not asked for a second is full, as a new one would be.
void RateLimiter::sweep(Shard& shard, Clock::time_point now) const {
  std::erase_if(shard.buckets, [&](const auto& entry) { return now - entry.second.filled >= std::chrono::seconds(1); });
  shard.sweep_at = std::max<std::size_t>(1'024, shard.buckets.size() * 2);
}

std::size_t RateLimiter::client_count() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.buckets.size();
  }
  return count;
}

}  // namespace orthant::service
