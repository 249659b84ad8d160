#include "engine/payload/row_set.h"

#include <algorithm>
#include <bit>

#include <roaring/roaring.h>

namespace orthant {
namespace {

// A CRoaring container costs some 60 bytes beside its values: arrays are the smaller form until a bitmap's containers, one for
// 65,536 ordinals, hold this many values on average.
constexpr std::uint64_t kRowsForAContainer = 48;
constexpr std::size_t kContainerWords = 1024;
constexpr unsigned kContainerLog2 = 16;
// CRoaring's type codes of containers (roaring/containers/containers.h).
constexpr std::uint8_t kBitsetContainer = 1;
constexpr std::uint8_t kArrayContainer = 2;

// Calls visit(word index, mask) for a container whose first ordinal stands in word `first`; words may come several times.
template <typename Visit>
void visit_array(const array_container_t& container, std::size_t first, Visit&& visit) {
  for (std::int32_t i = 0; i < container.cardinality; ++i) {
    const std::uint16_t low = container.array[i];
    visit(first + low / 64, std::uint64_t{1} << (low % 64));
  }
}

template <typename Visit>
void visit_runs(const run_container_t& container, std::size_t first, Visit&& visit) {
  for (std::int32_t i = 0; i < container.n_runs; ++i) {
    const std::uint32_t begin = container.runs[i].value;
    const std::uint32_t last = begin + container.runs[i].length;
    for (std::uint32_t word = begin / 64; word <= last / 64; ++word) {
      std::uint64_t mask = ~std::uint64_t{0};
      if (word == begin / 64) mask &= ~std::uint64_t{0} << (begin % 64);
      if (word == last / 64) mask &= ~std::uint64_t{0} >> (63 - last % 64);
      visit(first + word, mask);
    }
  }
}

template <typename Visit>
void visit_container(const void* container, std::uint8_t type, std::size_t first, Visit&& visit) {
  if (type == kBitsetContainer) {
    const std::uint64_t* words = static_cast<const bitset_container_t*>(container)->array;
    for (std::size_t i = 0; i < kContainerWords; ++i) visit(first + i, words[i]);
  } else if (type == kArrayContainer) {
    visit_array(*static_cast<const array_container_t*>(container), first, visit);
  } else {
    visit_runs(*static_cast<const run_container_t*>(container), first, visit);
  }
}

std::size_t container_bytes(const void* container, std::uint8_t type) {
  if (type == kBitsetContainer) return sizeof(bitset_container_t) + kContainerWords * sizeof(std::uint64_t);
  if (type == kArrayContainer) {
    const auto* array = static_cast<const array_container_t*>(container);
    return sizeof(array_container_t) + static_cast<std::size_t>(array->capacity) * sizeof(std::uint16_t);
  }
  return sizeof(run_container_t) +
         static_cast<std::size_t>(static_cast<const run_container_t*>(container)->capacity) * sizeof(rle16_t);
}

}  // namespace

RowSet::~RowSet() {
  if (kind_ == Kind::kArray) delete[] data_.many;
  if (kind_ == Kind::kRoaring) roaring_bitmap_free(data_.roaring);
}

void RowSet::grow() {
  const auto log2 = static_cast<std::uint8_t>(std::bit_width(capacity()));
  auto* larger = new std::uint32_t[std::size_t{1} << log2];
  std::copy_n(ordinals(), count_, larger);
  if (kind_ == Kind::kArray) delete[] data_.many;
  data_.many = larger;
  kind_ = Kind::kArray;
  capacity_log2_ = log2;
}

void RowSet::become_roaring() {
  roaring_bitmap_t* bitmap = roaring_bitmap_create();
  roaring_bitmap_add_many(bitmap, count_, ordinals());
  if (kind_ == Kind::kArray) delete[] data_.many;
  data_.roaring = bitmap;
  kind_ = Kind::kRoaring;
}

void RowSet::add(std::uint32_t ordinal) {
  if (kind_ == Kind::kRoaring) {
    roaring_bitmap_add(data_.roaring, ordinal);
    return;
  }
  std::uint32_t position = count_;
  if (count_ > 0 && ordinals()[count_ - 1] >= ordinal) {
    const std::uint32_t* place = std::lower_bound(ordinals(), ordinals() + count_, ordinal);
    position = static_cast<std::uint32_t>(place - ordinals());
    if (*place == ordinal) return;
  }
  if (count_ == capacity()) grow();
  std::uint32_t* values = ordinals();
  std::copy_backward(values + position, values + count_, values + count_ + 1);
  values[position] = ordinal;
  ++count_;
  const std::uint64_t containers = (std::uint64_t{values[count_ - 1]} >> kContainerLog2) + 1;
  if (count_ > kRowsForAContainer * containers) become_roaring();
}

void RowSet::remove(std::uint32_t ordinal) {
  if (kind_ == Kind::kRoaring) {
    roaring_bitmap_remove(data_.roaring, ordinal);
    return;
  }
  std::uint32_t* const end = ordinals() + count_;
  std::uint32_t* const place = std::lower_bound(ordinals(), end, ordinal);
  if (place == end || *place != ordinal) return;
  std::copy(place + 1, end, place);
  --count_;
}

std::uint64_t RowSet::count() const {
  return kind_ == Kind::kRoaring ? roaring_bitmap_get_cardinality(data_.roaring) : count_;
}

bool RowSet::contains(std::uint32_t ordinal) const {
  if (kind_ == Kind::kRoaring) return roaring_bitmap_contains(data_.roaring, ordinal);
  return std::binary_search(ordinals(), ordinals() + count_, ordinal);
}

template <typename Visit>
void RowSet::for_each_word(std::size_t size, Visit&& visit) const {
  if (kind_ != Kind::kRoaring) {
    for (std::uint32_t i = 0; i < count_ && ordinals()[i] < size; ++i) {
      visit(ordinals()[i] / 64, std::uint64_t{1} << (ordinals()[i] % 64));
    }
    return;
  }
  const std::size_t words = (size + 63) / 64;
  const roaring_array_t& containers = data_.roaring->high_low_container;
  for (std::int32_t i = 0; i < containers.size; ++i) {
    const std::size_t first = std::size_t{containers.keys[i]} * kContainerWords;
    if (first >= words) return;
    const auto within = [&](std::size_t word, std::uint64_t mask) {
      if (word >= words) return;
      if (word == words - 1 && size % 64 != 0) mask &= (std::uint64_t{1} << (size % 64)) - 1;
      visit(word, mask);
    };
    // Only the last container can reach past the end.
    if (first + kContainerWords < words) {
      visit_container(containers.containers[i], containers.typecodes[i], first, visit);
    } else {
      visit_container(containers.containers[i], containers.typecodes[i], first, within);
    }
  }
}

void RowSet::add_to(Bitmap& rows) const {
  const std::span<std::uint64_t> words = rows.words();
  for_each_word(rows.size(), [words](std::size_t word, std::uint64_t mask) { words[word] |= mask; });
}

void RowSet::remove_from(Bitmap& rows) const {
  const std::span<std::uint64_t> words = rows.words();
  for_each_word(rows.size(), [words](std::size_t word, std::uint64_t mask) { words[word] &= ~mask; });
}

std::uint64_t RowSet::count_in(const Bitmap& rows) const {
  const std::span<const std::uint64_t> words = rows.words();
  std::uint64_t total = 0;
  for_each_word(rows.size(), [&](std::size_t word, std::uint64_t mask) {
    total += static_cast<std::uint64_t>(std::popcount(words[word] & mask));
  });
  return total;
}

std::size_t RowSet::memory_bytes() const {
  if (kind_ == Kind::kInline) return 0;
  if (kind_ == Kind::kArray) return capacity() * sizeof(std::uint32_t);
  const roaring_array_t& containers = data_.roaring->high_low_container;
  constexpr std::size_t kSlotBytes = sizeof(void*) + sizeof(std::uint16_t) + sizeof(std::uint8_t);
  std::size_t bytes = sizeof(roaring_bitmap_t) + static_cast<std::size_t>(containers.allocation_size) * kSlotBytes;
  for (std::int32_t i = 0; i < containers.size; ++i) bytes += container_bytes(containers.containers[i], containers.typecodes[i]);
  return bytes;
}

}  // namespace orthant
