#pragma once
// SlotNames: which slot of a table a vector name stands for. A slot is never given to another name: one whose name was removed
// stays empty, and the same name added again gets a new one. A plain value.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/storage/keys.h"

namespace orthant {

class SlotNames {
 public:
  SlotNames() = default;
  explicit SlotNames(const std::vector<std::string>& names) : names_(names.begin(), names.end()) {}

  std::size_t size() const { return names_.size(); }  // removed ones included
  bool has(Slot slot) const { return slot < names_.size() && names_[slot].has_value(); }
  const std::string& operator[](Slot slot) const { return *names_[slot]; }  // has(slot)
  std::optional<Slot> find(std::string_view name) const {
    for (std::size_t slot = 0; slot < names_.size(); ++slot) {
      if (names_[slot] == name) return static_cast<Slot>(slot);
    }
    return std::nullopt;
  }

  Slot add(std::string name) {
    names_.emplace_back(std::move(name));
    return static_cast<Slot>(names_.size() - 1);
  }
  void add_removed() { names_.emplace_back(); }
  void remove(Slot slot) { names_[slot].reset(); }

  bool operator==(const SlotNames&) const = default;

 private:
  std::vector<std::optional<std::string>> names_;
};

}  // namespace orthant
