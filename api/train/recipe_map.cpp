#include "api/train/recipe_map.h"

#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace orthant {

RecipeMap::RecipeMap(YAML::Node node, std::string file, std::string place)
    : node_(std::move(node)), file_(std::move(file)), place_(std::move(place)) {}

Result<RecipeMap> RecipeMap::make(YAML::Node node, std::string file, std::string place) {
  if (!node.IsMap()) {
    return invalid_argument(fmt::format("{} line {}: {}: expected lines of the form \"key: value\"", file, node.Mark().line + 1,
                                        place.empty() ? "recipe" : place));
  }
  // The parser keeps both, and finds the first one.
  std::set<std::string> keys;
  for (const auto& entry : node) {
    const std::string& key = entry.first.Scalar();
    if (!keys.insert(key).second) {
      return invalid_argument(
          fmt::format("{} line {}: {}{}: the key stands there twice", file, entry.first.Mark().line + 1, place, key));
    }
  }
  return RecipeMap(std::move(node), std::move(file), std::move(place));
}

YAML::Node RecipeMap::node(std::string_view key) {
  taken_.emplace(key);
  // The const lookup leaves the map as it is where there is no such key.
  const YAML::Node& map = node_;
  const YAML::Node found = map[std::string(key)];
  return found.IsDefined() ? found : YAML::Node(YAML::NodeType::Undefined);
}

template <typename T>
Status RecipeMap::take_as(std::string_view key, T& value, std::string_view expected) {
  const YAML::Node found = node(key);
  if (!found.IsDefined()) return {};
  T read{};
  if (!found.IsScalar() || !YAML::convert<T>::decode(found, read)) return mismatch(key, expected);
  value = std::move(read);
  return {};
}

Status RecipeMap::take(std::string_view key, std::string& value) {
  return take_as(key, value, "a text");
}

Status RecipeMap::take(std::string_view key, bool& value) {
  return take_as(key, value, "true or false");
}

Status RecipeMap::take(std::string_view key, double& value) {
  return take_as(key, value, "a number");
}

Status RecipeMap::take(std::string_view key, std::size_t& value) {
  return take_as(key, value, "a whole number from 0");
}

Status RecipeMap::take(std::string_view key, std::vector<std::int64_t>& values) {
  const YAML::Node found = node(key);
  if (!found.IsDefined()) return {};
  if (!found.IsSequence()) return mismatch(key, "a list of whole numbers");
  values.clear();
  for (const YAML::Node& entry : found) {
    std::int64_t value = 0;
    if (!entry.IsScalar() || !YAML::convert<std::int64_t>::decode(entry, value)) return mismatch(key, "a list of whole numbers");
    values.push_back(value);
  }
  return {};
}

Status RecipeMap::take(std::string_view key, std::vector<std::string>& values) {
  const YAML::Node found = node(key);
  if (!found.IsDefined()) return {};
  if (!found.IsSequence()) return mismatch(key, "a list of names");
  values.clear();
  for (const YAML::Node& entry : found) {
    if (!entry.IsScalar()) return mismatch(key, "a list of names");
    values.push_back(entry.Scalar());
  }
  return {};
}

Result<std::optional<RecipeMap>> RecipeMap::map(std::string_view key) {
  const YAML::Node found = node(key);
  if (!found.IsDefined()) return std::optional<RecipeMap>();
  return std::optional(ORTHANT_TRY(make(found, file_, fmt::format("{}{}.", place_, key))));
}

Status RecipeMap::finish() const {
  for (const auto& entry : node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (taken_.contains(key)) continue;
    std::string known;
    for (const std::string& name : taken_) known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
    return invalid_argument(
        fmt::format("{} line {}: {}{}: unknown key, expected one of {}", file_, entry.first.Mark().line + 1, place_, key, known));
  }
  return {};
}

std::unexpected<Error> RecipeMap::mismatch(std::string_view key, std::string_view expected) const {
  const YAML::Node found = node_[std::string(key)];
  const std::string text = found.IsScalar() ? fmt::format("found \"{}\", ", found.Scalar()) : "";
  return invalid_argument(
      fmt::format("{} line {}: {}{}: {}expected {}", file_, found.Mark().line + 1, place_, key, text, expected));
}

}  // namespace orthant
