#pragma once
// ConfigFile: a parsed JSON configuration file whose fields are read with a type and a default; errors name file and field.
// Owns the document. One thread at a time.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/result.h"

namespace orthant {

class ConfigFile {
 public:
  // Nothing when the file does not exist; data_corruption when it is no JSON.
  static Result<std::optional<ConfigFile>> open_if_there(const std::filesystem::path& file);
  // As above, not_found when it does not exist.
  static Result<ConfigFile> open(const std::filesystem::path& file);

  // The field, or nothing where it is absent or null.
  Result<std::optional<std::size_t>> size(std::string_view field) const;
  Result<std::optional<double>> number(std::string_view field) const;
  Result<std::optional<std::string>> text(std::string_view field) const;
  Result<bool> boolean_or(std::string_view field, bool absent) const;
  // data_corruption when it is absent.
  Result<std::size_t> required_size(std::string_view field) const;

  // For what has no simple type.
  std::optional<simdjson::dom::element> element(std::string_view field) const;
  simdjson::dom::element root() const { return root_; }
  std::unexpected<Error> mismatch(std::string_view field, std::string_view expected) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  ConfigFile() = default;

  std::filesystem::path path_;
  // Elements point into the parser: its address stays when the file is moved.
  std::unique_ptr<simdjson::dom::parser> parser_ = std::make_unique<simdjson::dom::parser>();
  simdjson::dom::element root_;
};

}  // namespace orthant
