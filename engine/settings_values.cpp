#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "encoder/weight_precision.h"
#include "engine/settings_table.h"

namespace orthant {
namespace {

// "32MiB": a number, and for bytes one of the binary suffixes.
std::optional<std::size_t> parse_number(std::string_view text, SettingUnit unit) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix(p, static_cast<std::size_t>(end - p));
  if (suffix.empty()) return value;
  if (unit != SettingUnit::kBytes) return std::nullopt;
  constexpr std::pair<std::string_view, int> kSuffixes[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
  for (const auto& [name, shift] : kSuffixes) {
    if (suffix != name) continue;
    if (value > std::numeric_limits<std::size_t>::max() >> shift) return std::nullopt;
    return value << shift;
  }
  return std::nullopt;
}

template <typename Number>
Status set_number(Number& target, const SettingRow& row, const FoundSetting& found) {
  const std::optional<std::size_t> value = parse_number(found.text, row.unit);
  constexpr std::size_t kMost = std::numeric_limits<Number>::max();
  if (value && *value >= row.least && *value <= kMost) {
    target = static_cast<Number>(*value);
    return {};
  }
  const std::string range = kMost == std::numeric_limits<std::size_t>::max() ? fmt::format("{} or larger", row.least)
                                                                             : fmt::format("from {} to {}", row.least, kMost);
  return found.expected("a number, " + range + (row.unit == SettingUnit::kBytes ? " (bytes; KiB, MiB and GiB may follow)" : ""));
}

Status set_switch(bool& target, const FoundSetting& found) {
  if (found.text != "true" && found.text != "false") return found.expected("true or false");
  target = found.text == "true";
  return {};
}

// Its value never stands in a message.
Status set_secret(std::string& target, const FoundSetting& found) {
  std::string secret = found.text;
  if (found.text.starts_with("file:")) {
    const std::string path = found.text.substr(5);
    std::ifstream file(path);
    if (!std::getline(file, secret)) return invalid_argument(fmt::format("{}: cannot read a key from \"{}\"", found.where, path));
    while (secret.ends_with('\r') || secret.ends_with(' ')) secret.pop_back();
  }
  const bool printable = std::ranges::all_of(secret, [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (secret.empty() || !printable) {
    return invalid_argument(fmt::format("{}: expected a key of printable ASCII characters (not shown here)", found.where));
  }
  target = std::move(secret);
  return {};
}

Status set_text(std::string& target, const SettingRow& row, const FoundSetting& found) {
  if (row.kind == SettingKind::kSecret) return set_secret(target, found);
  if (found.text.empty()) return found.expected("text");
  if (row.kind == SettingKind::kChoice && std::ranges::find(row.choices, found.text) == row.choices.end()) {
    return found.expected(fmt::format("one of {}", fmt::join(row.choices, ", ")));
  }
  target = found.text;
  return {};
}

// "int8" or "NAME=int8": the precision's name.
std::string_view precision_name(std::string_view row) {
  const std::size_t equals = row.rfind('=');
  return equals == std::string_view::npos ? row : row.substr(equals + 1);
}

bool is_origin(std::string_view text) {
  if (text == "*" || text == "none") return true;
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const std::string_view host = text.substr(scheme + 3);
  return !host.empty() && host.find_first_of("/ \t") == std::string_view::npos;
}

Status add_to_list(std::vector<std::string>& target, const SettingRow& row, const FoundSetting& found) {
  if (row.name == "weights") {
    if (!parse_weight_precision(precision_name(found.text)) || found.text.starts_with('=')) {
      return found.expected("auto, float32, bfloat16, float16, int8, int4, nf4 or mixed, or NAME= and one of these");
    }
  } else if (row.name == "cors-origin") {
    if (!is_origin(found.text)) return found.expected("an origin such as https://search.example.com, * or none");
  } else if (row.name == "trusted-proxy") {
    if (found.text.empty()) return found.expected("an address or a network such as 10.0.0.0/8");
  } else if (found.text.empty()) {
    return found.expected("a model's name or folder");
  }
  target.push_back(found.text);
  return {};
}

}  // namespace

std::unexpected<Error> FoundSetting::expected(std::string_view what) const {
  return invalid_argument(fmt::format("{}: found \"{}\", expected {}", where, text, what));
}

Status set_setting(Settings& settings, const SettingRow& row, const FoundSetting& found) {
  return std::visit(
      [&](auto member) -> Status {
        auto& target = settings.*member;
        using Target = std::remove_reference_t<decltype(target)>;
        if constexpr (std::is_same_v<Target, std::filesystem::path>) {
          if (found.text.empty()) return found.expected("a directory");
          target = found.text;
        } else if constexpr (std::is_same_v<Target, std::vector<std::string>>) {
          return add_to_list(target, row, found);
        } else if constexpr (std::is_same_v<Target, std::string>) {
          return set_text(target, row, found);
        } else if constexpr (std::is_same_v<Target, bool>) {
          return set_switch(target, found);
        } else {
          return set_number(target, row, found);
        }
        return {};
      },
      row.member);
}

Result<WeightPrecision> weights_of_model(const Settings& settings, std::string_view model) {
  std::string_view chosen = "auto";
  bool named = false;
  for (const std::string& row : settings.weights) {
    const std::size_t equals = row.rfind('=');
    const bool is_named = equals != std::string::npos;
    if (is_named ? std::string_view(row).substr(0, equals) != model : named) continue;
    chosen = precision_name(row);
    named = is_named;
  }
  return parse_weight_precision(chosen);
}

}  // namespace orthant
