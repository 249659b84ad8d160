#include "engine/payload/value_dictionary.h"

#include <algorithm>
#include <functional>

namespace orthant {
namespace {

constexpr std::size_t kFirstSlots = 16;

}  // namespace

std::string_view ValueDictionary::text(std::uint32_t number) const {
  const std::uint64_t begin = begins_[number];
  const std::uint64_t end = number + 1 < begins_.size() ? begins_[number + 1] : texts_.size();
  return std::string_view(texts_).substr(begin, end - begin);
}

std::size_t ValueDictionary::slot_of(std::string_view wanted) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>()(wanted) & mask;
  while (slots_[slot] != kNone && text(slots_[slot]) != wanted) slot = (slot + 1) & mask;
  return slot;
}

std::uint32_t ValueDictionary::find(std::string_view wanted) const {
  return slots_.empty() ? kNone : slots_[slot_of(wanted)];
}

// Three quarters full at most.
void ValueDictionary::grow() {
  if (slots_.size() * 3 > begins_.size() * 4 + 4) return;
  slots_.assign(std::max(kFirstSlots, slots_.size() * 2), kNone);
  for (std::uint32_t number = 0; number < begins_.size(); ++number) slots_[slot_of(text(number))] = number;
}

std::uint32_t ValueDictionary::insert(std::string_view wanted) {
  grow();
  const std::size_t slot = slot_of(wanted);
  if (slots_[slot] != kNone) return slots_[slot];
  const auto number = static_cast<std::uint32_t>(begins_.size());
  begins_.push_back(texts_.size());
  texts_ += wanted;
  slots_[slot] = number;
  return number;
}

std::size_t ValueDictionary::memory_bytes() const {
  return texts_.capacity() + begins_.capacity() * sizeof(begins_[0]) + slots_.capacity() * sizeof(slots_[0]);
}

}  // namespace orthant
