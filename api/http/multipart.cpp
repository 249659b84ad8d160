#include "api/http/multipart.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/ascii_case.h"

namespace orthant {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxHeadBytes = std::size_t{16} << 10;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, section 5.1.1

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The value of `name=` among the parameters of a header, with or without quotes.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(';'); at != std::string_view::npos; at = header.find(';', at + 1)) {
    std::string_view rest = header.substr(at + 1);
    while (rest.starts_with(' ') || rest.starts_with('\t')) rest.remove_prefix(1);
    if (!starts_ignoring_case(rest, name) || rest.substr(name.size()).substr(0, 1) != "=") continue;
    rest.remove_prefix(name.size() + 1);
    if (rest.starts_with('"')) return std::string(rest.substr(1, rest.find('"', 1) - 1));
    rest = rest.substr(0, rest.find(';'));
    while (rest.ends_with(' ')) rest.remove_suffix(1);
    return std::string(rest);
  }
  return std::nullopt;
}

MultipartReader::Part part_of(std::string_view head) {
  MultipartReader::Part part;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    if (!starts_ignoring_case(line, "content-disposition:")) continue;
    part.name = parameter(line, "name").value_or("");
    part.file_name = parameter(line, "filename").value_or("");
  }
  return part;
}

std::unexpected<Error> broken(std::string_view what) {
  return invalid_argument("multipart body: " + std::string(what));
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  if (!starts_ignoring_case(content_type, "multipart/form-data")) {
    return invalid_argument("Content-Type: expected multipart/form-data");
  }
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) {
    return invalid_argument("Content-Type: multipart/form-data needs a boundary of 1 to 70 characters");
  }
  return std::move(*boundary);
}

Awaitable<Status> MultipartReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kPieceBytes);
  const Result<std::size_t> count = co_await body_.read_some(std::span(buffer_).subspan(before));
  buffer_.resize(before + count.value_or(0));
  if (!count) co_return std::unexpected(count.error());
  if (*count == 0) co_return broken("it ends before its last boundary");
  co_return Status();
}

Awaitable<Result<std::string>> MultipartReader::take_until(std::string_view mark, std::size_t most) {
  std::size_t found = waiting().find(mark);
  while (found == std::string_view::npos) {
    if (waiting().size() > most) co_return broken("the head of a part is too long");
    const Status filled = co_await fill();
    if (!filled) co_return std::unexpected(filled.error());
    found = waiting().find(mark);
  }
  std::string taken(waiting().substr(0, found));
  drop(found + mark.size());
  co_return taken;
}

Awaitable<Result<std::optional<MultipartReader::Part>>> MultipartReader::next_part() {
  std::array<char, 4096> dropped;
  while (state_ == State::kInPart) {
    const Result<std::size_t> count = co_await read_some(dropped);
    if (!count) co_return std::unexpected(count.error());
  }
  if (state_ == State::kEnded) co_return std::optional<Part>();
  const Result<std::string> line = co_await take_until("\r\n", kMaxHeadBytes);
  if (!line) co_return std::unexpected(line.error());
  std::string head;
  while (true) {
    const Result<std::string> header = co_await take_until("\r\n", kMaxHeadBytes);
    if (!header) co_return std::unexpected(header.error());
    if (header->empty()) break;
    head += *header + "\r\n";
    if (head.size() > kMaxHeadBytes) co_return broken("the head of a part is too long");
  }
  state_ = State::kInPart;
  co_return std::optional<Part>(part_of(head));
}

Awaitable<Result<std::size_t>> MultipartReader::read_some(std::span<char> out) {
  if (state_ != State::kInPart) co_return std::size_t{0};
  while (true) {
    const std::string_view text = waiting();
    const std::size_t found = text.find(delimiter_);
    if (found == 0) break;
    // The last bytes may be the beginning of the delimiter.
    const std::size_t safe = found != std::string_view::npos   ? found
                             : text.size() < delimiter_.size() ? 0
                                                               : text.size() - delimiter_.size() + 1;
    if (safe > 0) {
      const std::size_t count = std::min(safe, out.size());
      text.copy(out.data(), count);
      drop(count);
      co_return count;
    }
    const Status filled = co_await fill();
    if (!filled) co_return std::unexpected(filled.error());
  }
  drop(delimiter_.size());
  while (waiting().size() < 2) {
    const Status filled = co_await fill();
    if (!filled) co_return std::unexpected(filled.error());
  }
  state_ = waiting().starts_with("--") ? State::kEnded : State::kBetween;
  co_return std::size_t{0};
}

}  // namespace orthant
