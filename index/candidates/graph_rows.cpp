#include "index/candidates/graph_rows.h"

#include <algorithm>

#include "base/aligned_array.h"
#include "index/candidates/bit_planes.h"

namespace orthant {
namespace {

constexpr std::size_t kFactorBytes = 2 * sizeof(float);

std::size_t line_bytes_for(std::size_t code_bits) {
  const std::size_t used = code_words(code_bits) * 8 + kFactorBytes;
  return (used + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

}  // namespace

GraphRows::GraphRows(const CodeTables& tables, Metric metric, std::size_t code_bits, std::size_t degree)
    : tables_(tables),
      int8_codes_(*tables.int8_codes()),
      int8_scales_(*tables.int8_scales()),
      metric_(metric),
      code_bits_(code_bits),
      word_count_(code_words(code_bits)),
      degree_(degree),
      lines_(line_bytes_for(code_bits)),
      lists_(degree * sizeof(Ordinal)) {}

void GraphRows::grow(Ordinal end, bool empty_lists) {
  const Ordinal first = line_count_.load(std::memory_order_relaxed);
  lines_.reserve(end);
  lists_.reserve(end);
  for (Ordinal ordinal = first; ordinal < end; ++ordinal) {
    fill_line(ordinal);
    if (empty_lists) std::memset(lists_.row(ordinal), 0xff, lists_.row_bytes());
  }
  line_count_.store(end, std::memory_order_release);
}

void GraphRows::fill_line(Ordinal ordinal) {
  std::uint8_t* line = lines_.line(ordinal);
  std::memset(line, 0, lines_.line_bytes());
  const std::size_t lane = ordinal % kBlockRows;
  std::uint8_t* block = tables_.bits()->row(ordinal - lane);
  const std::size_t used_bytes = std::min(tables_.code_bytes(), (code_bits_ + 7) / 8);
  // The writer may be filling other rows of the block.
  for (std::size_t byte = 0; byte < used_bytes; ++byte) {
    line[byte] = std::atomic_ref<std::uint8_t>(block[byte * kBlockRows + lane]).load(std::memory_order_relaxed);
  }
  if (code_bits_ % 8 != 0 && used_bytes * 8 > code_bits_)
    line[used_bytes - 1] &= static_cast<std::uint8_t>(0xff << (8 - code_bits_ % 8));
  const float scale = tables_.bit_scales() == nullptr ? 1 : *tables_.bit_scales()->row_as<const float>(ordinal);
  const float norm = norm_of(ordinal);
  std::memcpy(line + word_count_ * 8, &scale, sizeof scale);
  std::memcpy(line + word_count_ * 8 + sizeof scale, &norm, sizeof norm);
  if (norm > largest_squared_norm()) largest_squared_norm_.store(norm, std::memory_order_relaxed);
}

float GraphRows::norm_of(Ordinal ordinal) const {
  if (tables_.squared_norms() != nullptr) return *tables_.squared_norms()->row_as<const float>(ordinal);
  const float scale = *int8_scales_.row_as<const float>(ordinal);
  if (metric_ == Metric::kCosine) return scale == 0 ? 0 : 1;
  const std::uint8_t* code = int8_codes_.row(ordinal);
  std::int64_t squares = 0;
  for (std::size_t i = 0; i < int8_codes_.row_bytes(); ++i) squares += (code[i] - 128) * (code[i] - 128);
  return std::min(static_cast<float>(squares) * scale * scale, std::numeric_limits<float>::max());
}

std::size_t GraphRows::read_list(Ordinal ordinal, Ordinal* out) const {
  std::uint32_t* list = slots(ordinal);
  for (std::size_t i = 0; i < degree_; ++i) {
    out[i] = slot(list, i);
    if (out[i] == kNoOrdinal) return i;
  }
  return degree_;
}

void GraphRows::write_list(Ordinal ordinal, std::span<const Ordinal> neighbours) {
  std::uint32_t* list = slots(ordinal);
  for (std::size_t i = 0; i < degree_; ++i) {
    const Ordinal value = i < neighbours.size() ? neighbours[i] : kNoOrdinal;
    std::atomic_ref<std::uint32_t>(list[i]).store(value, std::memory_order_relaxed);
  }
}

void GraphRows::append_neighbour(Ordinal ordinal, std::size_t at, Ordinal neighbour) {
  std::atomic_ref<std::uint32_t>(slots(ordinal)[at]).store(neighbour, std::memory_order_relaxed);
}

std::size_t GraphRows::memory_bytes() const {
  return line_count() * (lines_.line_bytes() + lists_.row_bytes());
}

}  // namespace orthant
