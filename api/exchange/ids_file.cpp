#include "api/exchange/ids_file.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/json/json_writer.h"
#include "base/bytes.h"
#include "base/mapped_id.h"
#include "base/npy_header.h"

namespace orthant {
namespace {

// Little-endian, sign-extended where `is_signed`.
std::uint64_t integer_of(ByteSpan bytes, bool is_signed) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.size());
  if (is_signed) return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
  return value;
}

void append_utf8(std::string& out, std::uint32_t letter) {
  if (letter < 0x80) {
    out += static_cast<char>(letter);
  } else if (letter < 0x800) {
    out += static_cast<char>(0xc0 | letter >> 6);
    out += static_cast<char>(0x80 | (letter & 0x3f));
  } else if (letter < 0x10000) {
    out += static_cast<char>(0xe0 | letter >> 12);
    out += static_cast<char>(0x80 | (letter >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (letter & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (letter >> 18 & 0x07));
    out += static_cast<char>(0x80 | (letter >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (letter >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (letter & 0x3f));
  }
}

}  // namespace

Result<PointId> id_of_integer(std::int64_t value) {
  if (value < 0) return invalid_argument(fmt::format("id {}: ids are integers from 0 on, or UUIDs", value));
  return PointId::number(static_cast<std::uint64_t>(value));
}

Result<IdsFile> IdsFile::open(const std::filesystem::path& path) {
  IdsFile ids(ORTHANT_TRY(InputFile::open(path)));
  if (path.extension() == ".ivecs") {
    ORTHANT_TRY(ids.read_ivecs_header());
  } else {
    ORTHANT_TRY(ids.read_npy_header());
  }
  return ids;
}

Status IdsFile::read_ivecs_header() {
  prefix_bytes_ = sizeof(std::int32_t);
  element_bytes_ = sizeof(std::int32_t);
  rows_ = file_.size() / (prefix_bytes_ + element_bytes_);
  if (file_.size() % (prefix_bytes_ + element_bytes_) == 0) return {};
  return file_.damaged(fmt::format("{} bytes are no whole rows of one id", file_.size()));
}

Status IdsFile::read_npy_header() {
  const auto head = ORTHANT_TRY(file_.read_array<std::uint8_t>(0, std::min<std::uint64_t>(file_.size(), kMaxNpyHeaderBytes)));
  const auto header = parse_npy_header(as_string_view(head));
  if (!header) return file_.refused("neither a NumPy .npy file nor .ivecs");
  const auto& shape = header->shape;
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1)) return file_.refused("expected a list of ids");
  const std::string_view descr = header->descr;
  std::uint64_t width = 0;
  if (descr.size() > 2) std::from_chars(descr.data() + 2, descr.data() + descr.size(), width);
  const bool integer = width == 1 || width == 2 || width == 4 || width == 8;
  if ((descr.starts_with("<i") || descr.starts_with("|i")) && integer) {
    kind_ = Kind::kSigned;
  } else if ((descr.starts_with("<u") || descr.starts_with("|u")) && integer) {
    kind_ = Kind::kUnsigned;
  } else if (descr.starts_with("|S") && width > 0 && width <= 1024) {
    kind_ = Kind::kBytes;
  } else if (descr.starts_with("<U") && width > 0 && width <= 1024) {
    kind_ = Kind::kUtf32;
    width *= 4;
  } else {
    return file_.refused(fmt::format("element type '{}', expected integers or texts", descr));
  }
  rows_ = shape[0];
  rows_at_ = header->elements_at;
  element_bytes_ = width;
  return file_.check_range(rows_at_, rows_, element_bytes_);
}

// `name` is the text of an id that had to be mapped, else empty.
Result<PointId> IdsFile::id_at(ByteSpan element, std::string& name) const {
  name.clear();
  if (kind_ == Kind::kUnsigned) return PointId::number(integer_of(element, false));
  if (kind_ == Kind::kSigned) return id_of_integer(static_cast<std::int64_t>(integer_of(element, true)));
  if (kind_ == Kind::kBytes) {
    name = as_string_view(element);
    name.resize(std::min(name.size(), name.find('\0')));
  } else {
    for (std::size_t at = 0; at < element.size(); at += 4) {
      const auto letter = static_cast<std::uint32_t>(integer_of(element.subspan(at, 4), false));
      if (letter == 0) break;
      append_utf8(name, letter);
    }
  }
  if (name.empty()) return invalid_argument("the id is empty");
  const MappedId mapped = map_id(name);
  if (!mapped.from_name) name.clear();
  return mapped.id;
}

Status IdsFile::put_ids(std::uint64_t first_row, VectorRows& rows) const {
  const std::uint64_t stride = prefix_bytes_ + element_bytes_;
  const auto bytes = ORTHANT_TRY(file_.read_array<std::uint8_t>(rows_at_ + first_row * stride, rows.rows * stride));
  rows.ids.assign(rows.rows, PointId());
  std::string name;
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const ByteSpan whole = ByteSpan(bytes).subspan(row * stride, stride);
    if (prefix_bytes_ != 0 && integer_of(whole.first(4), true) != 1) {
      return file_.damaged(fmt::format("row {} does not hold one id", first_row + row));
    }
    const Result<PointId> id = id_at(whole.subspan(prefix_bytes_), name);
    if (!id) {
      rows.errors.push_back({row, id.error().message});
      continue;
    }
    rows.ids[row] = *id;
    if (name.empty()) continue;
    rows.payloads.resize(rows.rows, "{}");
    add_original_id(name, rows.payloads[row]);
  }
  return {};
}

void add_original_id(std::string_view name, std::string& payload) {
  std::string with_id = "{\"_id\":";
  append_json_string(with_id, name);
  if (payload.size() > 2) with_id += ',';
  with_id.append(payload, 1);
  payload = std::move(with_id);
}

}  // namespace orthant
