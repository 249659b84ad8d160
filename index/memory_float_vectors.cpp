#include "index/memory_float_vectors.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

namespace orthant {

void MemoryFloatVectors::append(std::span<const float> rows) {
  const std::unique_lock lock(mutex_);
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  present_.resize(rows_.size() / dim_, 1);
}

void MemoryFloatVectors::erase(Ordinal ordinal) {
  const std::unique_lock lock(mutex_);
  present_[ordinal] = 0;
}

Ordinal MemoryFloatVectors::row_count() const {
  const std::shared_lock lock(mutex_);
  return static_cast<Ordinal>(present_.size());
}

Status MemoryFloatVectors::read(std::span<const Ordinal> ordinals, std::span<float> out) const {
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    if (ordinals[i] >= present_.size() || present_[ordinals[i]] == 0) {
      return data_corruption(fmt::format("vector of row {}: not there", ordinals[i]));
    }
    std::copy_n(rows_.data() + ordinals[i] * dim_, dim_, out.data() + i * dim_);
  }
  return {};
}

Status MemoryFloatVectors::scan(Ordinal first, Ordinal last,
                                const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const {
  const std::shared_lock lock(mutex_);
  const auto end = static_cast<Ordinal>(std::min<std::size_t>(last, present_.size()));
  for (Ordinal ordinal = first; ordinal < end; ++ordinal) {
    if (present_[ordinal] != 0 && !visit(ordinal, {rows_.data() + ordinal * dim_, dim_})) break;
  }
  return {};
}

}  // namespace orthant
