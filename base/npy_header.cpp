#include "base/npy_header.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include <fmt/format.h>

#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxTextBytes = 64 << 10;

// The text after `'key':`, blanks skipped.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = header.substr(at + key.size() + 3);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

std::optional<NpyHeader> parse_text(std::string_view text) {
  NpyHeader header;
  const auto descr = value_of(text, "descr");
  const auto order = value_of(text, "fortran_order");
  auto shape = value_of(text, "shape");
  if (!descr || !order || !shape || !descr->starts_with('\'') || !shape->starts_with('(')) return std::nullopt;
  header.descr = descr->substr(1, descr->find('\'', 1) - 1);
  header.fortran_order = order->starts_with("True");
  shape->remove_prefix(1);
  while (!shape->empty() && !shape->starts_with(')')) {
    if (shape->starts_with(' ') || shape->starts_with(',')) {
      shape->remove_prefix(1);
      continue;
    }
    std::size_t extent = 0;
    const auto [end, error] = std::from_chars(shape->data(), shape->data() + shape->size(), extent);
    if (error != std::errc{}) return std::nullopt;
    header.shape.push_back(extent);
    shape->remove_prefix(static_cast<std::size_t>(end - shape->data()));
  }
  return header;
}

// The header's text; `reader` then stands at the elements.
std::optional<std::string_view> read_text(ByteReader& reader) {
  const auto magic = reader.read_bytes(kMagic.size());
  const auto major = reader.read<std::uint8_t>();
  const auto minor = reader.read<std::uint8_t>();
  if (magic != kMagic || !major || !minor) return std::nullopt;
  std::size_t bytes = 0;
  if (*major == 1) {
    bytes = reader.read<std::uint16_t>().value_or(0);
  } else {
    bytes = reader.read<std::uint32_t>().value_or(0);
  }
  if (bytes == 0 || bytes > kMaxTextBytes) return std::nullopt;
  return reader.read_bytes(bytes);
}

}  // namespace

std::optional<NpyHeader> parse_npy_header(std::string_view file) {
  ByteReader reader(file);
  const auto text = read_text(reader);
  auto header = text ? parse_text(*text) : std::nullopt;
  if (header) header->elements_at = file.size() - reader.rest().size();
  return header;
}

}  // namespace orthant
