#include "index/candidates/graph_rows.h"

#include <algorithm>

#include "base/aligned_array.h"
#include "index/candidates/bit_planes.h"
#include "index/scalar_quantizer.h"

namespace orthant {
namespace {

constexpr std::size_t kFactorBytes = 2 * sizeof(float);
// Of lean lists, beside those on lines.
constexpr std::size_t kLeanSlots = 17;

std::size_t line_bytes_for(std::size_t code_bits) {
  const std::size_t used = code_words(code_bits) * 8 + kFactorBytes;
  return (used + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

// Under cosine lean rows keep no norm, which is 1.
std::size_t factor_bytes(Metric metric, bool lean) {
  return lean && metric == Metric::kCosine ? sizeof(float) : kFactorBytes;
}

}  // namespace

GraphRows::GraphRows(const CodeTables& tables, Metric metric, std::size_t code_bits, std::size_t degree)
    : tables_(tables),
      int8_(tables),
      metric_(metric),
      code_bits_(code_bits),
      word_count_(code_words(code_bits)),
      lean_(degree == 0),
      slots_at_(word_count_ * 8 + factor_bytes(metric, lean_)),
      line_slots_(lean_ ? (line_bytes_for(code_bits) - slots_at_) / kLeanSlotBytes : 0),
      degree_(lean_ ? kLeanSlots + line_slots_ : degree),
      lines_(line_bytes_for(code_bits)),
      lists_(lean_ ? kLeanSlots * kLeanSlotBytes : degree * sizeof(Ordinal)) {}

void GraphRows::grow(Ordinal end, bool empty_lists) {
  const Ordinal first = line_count_.load(std::memory_order_relaxed);
  lines_.reserve(end);
  lists_.reserve(end);
  for (Ordinal ordinal = first; ordinal < end; ++ordinal) {
    fill_line(ordinal);
    if (empty_lists) std::memset(lists_.row(ordinal), 0xff, lists_.row_bytes());
    std::memset(lines_.line(ordinal) + slots_at_, 0xff, line_slots_ * kLeanSlotBytes);
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
  if (factor_bytes(metric_, lean_) == kFactorBytes) std::memcpy(line + word_count_ * 8 + sizeof scale, &norm, sizeof norm);
  if (norm > largest_squared_norm()) largest_squared_norm_.store(norm, std::memory_order_relaxed);
}

float GraphRows::norm_of(Ordinal ordinal) const {
  if (tables_.squared_norms() != nullptr) return *tables_.squared_norms()->row_as<const float>(ordinal);
  const float scale = int8_.scale(ordinal);
  if (metric_ == Metric::kCosine) return scale == 0 ? 0 : 1;
  const std::uint8_t* code = int8_.code(ordinal);
  if (int8_.ranges() != nullptr) {
    std::vector<float> decoded(int8_.dim());
    int8_.ranges()->decode(code, decoded.data());
    return orthant::squared_norm(decoded);
  }
  std::int64_t squares = 0;
  for (std::size_t i = 0; i < int8_.dim(); ++i) squares += (code[i] - 128) * (code[i] - 128);
  return std::min(static_cast<float>(squares) * scale * scale, std::numeric_limits<float>::max());
}

std::size_t GraphRows::read_list(Ordinal ordinal, Ordinal* out) const {
  std::size_t size = 0;
  visit_list(ordinal, [&](Ordinal neighbour) {
    out[size++] = neighbour;
    return true;
  });
  return size;
}

Ordinal GraphRows::slot(Ordinal ordinal, std::size_t i) const {
  if (lean_) return read_lean(lean_slot(ordinal, i));
  return std::atomic_ref<std::uint32_t>(lists_.row_as<std::uint32_t>(ordinal)[i]).load(std::memory_order_relaxed);
}

void GraphRows::write_slot(Ordinal ordinal, std::size_t i, Ordinal neighbour) {
  if (!lean_) {
    std::atomic_ref<std::uint32_t>(lists_.row_as<std::uint32_t>(ordinal)[i]).store(neighbour, std::memory_order_relaxed);
    return;
  }
  std::uint8_t* slot = lean_slot(ordinal, i);
  for (std::size_t byte = 0; byte < kLeanSlotBytes; ++byte) {
    const auto value = static_cast<std::uint8_t>(neighbour >> (8 * byte));
    std::atomic_ref<std::uint8_t>(slot[byte]).store(value, std::memory_order_relaxed);
  }
}

void GraphRows::write_list(Ordinal ordinal, std::span<const Ordinal> neighbours) {
  for (std::size_t i = 0; i < degree_; ++i) write_slot(ordinal, i, i < neighbours.size() ? neighbours[i] : kNoOrdinal);
}

void GraphRows::append_neighbour(Ordinal ordinal, std::size_t at, Ordinal neighbour) {
  write_slot(ordinal, at, neighbour);
}

void GraphRows::copy_line_slots(std::size_t row_count, RowColumn& out) const {
  for (std::size_t row = 0; row < row_count; ++row) std::memcpy(out.row(row), lines_.line(row) + slots_at_, line_slot_bytes());
}

void GraphRows::put_line_slots(std::size_t row_count, const RowColumn& from) {
  for (std::size_t row = 0; row < row_count; ++row) std::memcpy(lines_.line(row) + slots_at_, from.row(row), line_slot_bytes());
}

std::size_t GraphRows::memory_bytes() const {
  return line_count() * (lines_.line_bytes() + lists_.row_bytes());
}

}  // namespace orthant
