#pragma once
// Groups of points that share a value of a payload field. Grouping collects them from hits that come best first. A value type, one
// thread.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/payload/json_path.h"
#include "index/vector_index.h"

namespace orthant {

using GroupId = std::variant<std::uint64_t, std::int64_t, std::string>;

// The groups of one point: the different values at `path`. Empty when there is none, or one of them is neither a string nor an
// integer.
std::vector<GroupId> groups_of(std::string_view payload, const JsonPath& path);

struct Group {
  GroupId id;
  std::vector<ScoredOrdinal> hits;  // best first
};

class Grouping {
 public:
  Grouping(std::size_t groups, std::size_t group_size) : wanted_(groups), group_size_(group_size) {}

  // Hits come in order, those of a later round behind all of an earlier one.
  void add(const ScoredOrdinal& hit, std::span<const GroupId> ids);

  // So many groups are known: no new one will be among the best.
  bool has_all() const { return groups_.size() >= wanted_; }
  // Those that are known, and all of them full.
  bool is_done() const;
  // Of the best groups the full ones, and those that are not.
  std::vector<GroupId> full() const;
  std::vector<GroupId> open() const;

  // The best groups in the order of their best hits.
  std::vector<Group> take() &&;

 private:
  std::span<const Group> best() const { return std::span(groups_).first(std::min(wanted_, groups_.size())); }

  const std::size_t wanted_;
  const std::size_t group_size_;
  std::vector<Group> groups_;
  std::map<GroupId, std::size_t> positions_;
};

}  // namespace orthant
