#include "encoder/model/config_file.h"

#include <utility>

#include <fmt/format.h>

#include "encoder/tokenizer/json_member.h"

namespace orthant {
namespace {

// The largest configuration file that is believed; real ones have a few kB.
constexpr std::uintmax_t kMaxConfigBytes = 16U << 20;

}  // namespace

Result<std::optional<ConfigFile>> ConfigFile::open_if_there(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) return io_error(fmt::format("{}: {}", file.string(), error.message()));
  if (size > kMaxConfigBytes)
    return data_corruption(fmt::format("{}: {} bytes are too many for a configuration file", file.string(), size));
  ConfigFile config;
  config.path_ = file;
  const auto failure = config.parser_->load(file.string()).get(config.root_);
  if (failure != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: not valid JSON: {}", file.string(), simdjson::error_message(failure)));
  }
  return config;
}

Result<ConfigFile> ConfigFile::open(const std::filesystem::path& file) {
  std::optional<ConfigFile> config = ORTHANT_TRY(open_if_there(file));
  if (!config) return not_found(fmt::format("{}: no such file", file.string()));
  return std::move(*config);
}

std::optional<simdjson::dom::element> ConfigFile::element(std::string_view field) const {
  return json_member(root_, field);
}

std::unexpected<Error> ConfigFile::mismatch(std::string_view field, std::string_view expected) const {
  const auto found = element(field);
  return data_corruption(fmt::format("{}: {}: found {}, expected {}", path_.string(), field,
                                     found ? std::string(simdjson::minify(*found)) : "nothing", expected));
}

Result<std::optional<std::size_t>> ConfigFile::size(std::string_view field) const {
  const auto value = element(field);
  if (!value) return std::nullopt;
  std::uint64_t size = 0;
  if (value->get_uint64().get(size) != simdjson::SUCCESS) return mismatch(field, "a whole number that is not negative");
  return size;
}

Result<std::optional<double>> ConfigFile::number(std::string_view field) const {
  const auto value = element(field);
  if (!value) return std::nullopt;
  double number = 0;
  if (value->get_double().get(number) != simdjson::SUCCESS) return mismatch(field, "a number");
  return number;
}

Result<std::optional<std::string>> ConfigFile::text(std::string_view field) const {
  const auto value = element(field);
  if (!value) return std::nullopt;
  std::string_view text;
  if (value->get_string().get(text) != simdjson::SUCCESS) return mismatch(field, "a string");
  return std::string(text);
}

Result<bool> ConfigFile::boolean_or(std::string_view field, bool absent) const {
  const auto value = element(field);
  if (!value) return absent;
  bool flag = false;
  if (value->get_bool().get(flag) != simdjson::SUCCESS) return mismatch(field, "true or false");
  return flag;
}

Result<std::size_t> ConfigFile::required_size(std::string_view field) const {
  const std::optional<std::size_t> value = ORTHANT_TRY(size(field));
  if (!value) return mismatch(field, "a whole number");
  return *value;
}

}  // namespace orthant
