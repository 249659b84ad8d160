#pragma once
// RecipeMap: one level of a recipe (YAML): values are taken by key and type, and keys that nobody took are an error at the end, so
// that a slip of the pen is not a default. Errors name file, line and key. One thread at a time.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/result.h"

namespace orthant {

class RecipeMap {
 public:
  // `node` must be a map; `place` is what stands before key in messages: "loss." or nothing.
  static Result<RecipeMap> make(YAML::Node node, std::string file, std::string place);

  // Leaves `value` as it is where the key is absent.
  Status take(std::string_view key, std::string& value);
  Status take(std::string_view key, bool& value);
  Status take(std::string_view key, double& value);
  Status take(std::string_view key, std::size_t& value);
  Status take(std::string_view key, std::vector<std::int64_t>& values);
  Status take(std::string_view key, std::vector<std::string>& values);
  // Any node; undefined where the key is absent.
  YAML::Node node(std::string_view key);
  // A map below this one; nothing where the key is absent.
  Result<std::optional<RecipeMap>> map(std::string_view key);

  // invalid_argument for keys that were not taken.
  Status finish() const;
  std::unexpected<Error> mismatch(std::string_view key, std::string_view expected) const;

 private:
  RecipeMap(YAML::Node node, std::string file, std::string place);
  template <typename T>
  Status take_as(std::string_view key, T& value, std::string_view expected);

  YAML::Node node_;
  std::string file_;
  std::string place_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace orthant
