#include "api/http/file_response.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse_number.h"

namespace orthant {
namespace {

class FileSource final : public BodySource {
 public:
  FileSource(int descriptor, ByteRange range, ThreadPool& pool) : descriptor_(descriptor), range_(range), pool_(pool) {}
  ~FileSource() override { close(descriptor_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return range_.count; }

  // A file that became shorter meanwhile breaks the answer off.
  Awaitable<Result<std::size_t>> read_some(std::span<char> out) override {
    const std::uint64_t left = range_.count - given_;
    const std::span<char> wanted = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left)));
    const auto work = [this, wanted]() -> Result<std::size_t> {
      const ssize_t count = pread(descriptor_, wanted.data(), wanted.size(), static_cast<off_t>(range_.first + given_));
      if (count > 0) return static_cast<std::size_t>(count);
      return io_error(count == 0 ? "the file became shorter" : std::strerror(errno));
    };
    Result<std::size_t> count = co_await run_on<std::size_t>(pool_, work);
    if (count) given_ += *count;
    co_return count;
  }

 private:
  const int descriptor_;
  const ByteRange range_;
  ThreadPool& pool_;
  std::uint64_t given_ = 0;
};

RangeChoice suffix_of(std::uint64_t count, std::uint64_t size) {
  if (count == 0 || size == 0) return {.kind = RangeKind::kUnsatisfiable, .range = {}};
  count = std::min(count, size);
  return {.kind = RangeKind::kPart, .range = {size - count, count}};
}

// Quotes and control characters cannot stand in a quoted string.
std::string header_safe(std::string_view name) {
  std::string safe(name);
  std::ranges::replace_if(safe, [](unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x7f; }, '_');
  return safe;
}

}  // namespace

RangeChoice choose_range(std::string_view header, std::uint64_t size) {
  const RangeChoice whole{.kind = RangeKind::kWhole, .range = {0, size}};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit) || header.contains(',')) return whole;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view begin = header.substr(0, dash);
  const std::string_view end = header.substr(dash + 1);
  if (begin.empty()) {
    const auto count = parse_number<std::uint64_t>(end);
    return count ? suffix_of(*count, size) : whole;
  }
  const auto first = parse_number<std::uint64_t>(begin);
  const auto last = end.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : parse_number<std::uint64_t>(end);
  if (!first || !last || *last < *first) return whole;
  if (*first >= size) return {.kind = RangeKind::kUnsatisfiable, .range = {}};
  return {.kind = RangeKind::kPart, .range = {*first, std::min(*last, size - 1) - *first + 1}};
}

Result<Response> file_response(const Request& request, const std::filesystem::path& file, std::string_view name,
                               std::string_view entity_tag, ThreadPool& pool) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError, std::strerror(errno));
  struct stat status{};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return not_found(fmt::format("{} is no file", name));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::string tag = fmt::format("\"{}\"", entity_tag);
  const std::string_view condition = request.headers.find("if-range");
  const bool ranges_apply = condition.empty() || (!entity_tag.empty() && condition == tag);
  const RangeChoice choice = choose_range(ranges_apply ? request.headers.find("range") : std::string_view(), size);
  Response response;
  response.content_type = "application/octet-stream";
  response.headers = {{"Accept-Ranges", "bytes"},
                      {"Content-Disposition", fmt::format("attachment; filename=\"{}\"", header_safe(name))}};
  if (!entity_tag.empty()) response.headers.emplace_back("ETag", tag);
  if (choice.kind == RangeKind::kUnsatisfiable) {
    close(descriptor);
    response.status = 416;
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return response;
  }
  if (choice.kind == RangeKind::kPart) {
    response.status = 206;
    response.headers.emplace_back(
        "Content-Range", fmt::format("bytes {}-{}/{}", choice.range.first, choice.range.first + choice.range.count - 1, size));
  }
  response.source = std::make_shared<FileSource>(descriptor, choice.range, pool);
  return response;
}

}  // namespace orthant
