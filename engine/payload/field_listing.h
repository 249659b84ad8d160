#pragma once
// What is asked of an indexed field beside filters: its rows in the order of their values, and how often each value occurs. Plain
// values.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace orthant {

// Of an integer field an integer, of a float field a float, of a datetime field microseconds since the epoch.
using OrderValue = std::variant<std::int64_t, double>;

struct OrderBy {
  std::string key;  // JSON path of a field with an index of type integer, float or datetime
  bool descending = false;
  // The first value that counts, itself included.
  std::optional<OrderValue> start_from{};
};

// A row with several values comes once for each.
struct OrderedRow {
  std::uint32_t ordinal = 0;
  OrderValue value;
};

using FacetValue = std::variant<bool, std::int64_t, std::string>;
struct FacetHit {
  FacetValue value;
  std::uint64_t count = 0;  // rows that hold it
};

}  // namespace orthant
