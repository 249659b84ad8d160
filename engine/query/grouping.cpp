#include "engine/query/grouping.h"

#include <algorithm>
#include <optional>

#include "engine/payload/payload_values.h"

namespace orthant {
namespace {

std::optional<GroupId> group_id_of(std::string_view value) {
  if (auto text = string_of(value)) return GroupId(std::move(*text));
  if (const auto number = unsigned_integer_of(value)) return GroupId(*number);
  if (const auto number = integer_of(value)) return GroupId(*number);
  return std::nullopt;
}

}  // namespace

std::vector<GroupId> groups_of(std::string_view payload, const JsonPath& path) {
  std::vector<GroupId> ids;
  for (const std::string_view value : payload_values(payload, path)) {
    auto id = group_id_of(value);
    if (!id) return {};
    if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(std::move(*id));
  }
  return ids;
}

void Grouping::add(const ScoredOrdinal& hit, std::span<const GroupId> ids) {
  for (const GroupId& id : ids) {
    const auto [found, is_new] = positions_.emplace(id, groups_.size());
    if (is_new) groups_.push_back({id, {}});
    Group& group = groups_[found->second];
    if (group.hits.size() < group_size_) group.hits.push_back(hit);
  }
}

bool Grouping::is_done() const {
  return has_all() && std::ranges::all_of(best(), [this](const Group& group) { return group.hits.size() == group_size_; });
}

std::vector<GroupId> Grouping::full() const {
  std::vector<GroupId> ids;
  for (const Group& group : best()) {
    if (group.hits.size() == group_size_) ids.push_back(group.id);
  }
  return ids;
}

std::vector<GroupId> Grouping::open() const {
  std::vector<GroupId> ids;
  for (const Group& group : best()) {
    if (group.hits.size() < group_size_) ids.push_back(group.id);
  }
  return ids;
}

std::vector<Group> Grouping::take() && {
  if (groups_.size() > wanted_) groups_.resize(wanted_);
  return std::move(groups_);
}

}  // namespace orthant
