#include "api/cli/line_source.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "api/http/content_coding.h"

namespace orthant {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

ContentCoding coding_of(const std::filesystem::path& path) {
  if (path.extension() == ".gz") return ContentCoding::kGzip;
  if (path.extension() == ".zst") return ContentCoding::kZstd;
  return ContentCoding::kIdentity;
}

}  // namespace

std::filesystem::path without_compression_suffix(const std::filesystem::path& path) {
  if (path.extension() != ".gz" && path.extension() != ".zst") return path;
  std::filesystem::path bare = path;
  return bare.replace_extension();
}

class LineSource::Impl {
 public:
  Impl(std::filesystem::path path, File file, std::uintmax_t file_bytes)
      : path_(std::move(path)), file_(std::move(file)), file_bytes_(file_bytes), unpacker_(coding_of(path_)), packed_(kReadBytes) {}

  Result<std::optional<std::string_view>> next() {
    std::size_t searched_from = line_start_;
    while (true) {
      const std::size_t line_end = text_.find('\n', searched_from);
      if (line_end != std::string::npos) return take_line(line_end, line_end + 1);
      if (at_end_) {
        if (line_start_ == text_.size()) return std::nullopt;
        return take_line(text_.size(), text_.size());
      }
      text_.erase(0, line_start_);
      line_start_ = 0;
      if (text_.size() > kMaxLineBytes) {
        return invalid_argument(
            fmt::format("{}:{}: the line is longer than {} bytes", path_.string(), line_number_ + 1, kMaxLineBytes));
      }
      searched_from = text_.size();
      ORTHANT_TRY(read_more());
    }
  }

  std::uint64_t line_number() const { return line_number_; }
  double share_read() const { return file_bytes_ == 0 ? 0 : static_cast<double>(bytes_read_) / static_cast<double>(file_bytes_); }

 private:
  std::string_view take_line(std::size_t line_end, std::size_t next_start) {
    std::string_view line = std::string_view(text_).substr(line_start_, line_end - line_start_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line_start_ = next_start;
    ++line_number_;
    return line;
  }

  // Appends what comes next to text_, or sets at_end_.
  Status read_more() {
    const std::size_t before = text_.size();
    text_.resize(before + kReadBytes);
    const auto unpacked = unpacker_.read(std::span(text_).subspan(before));
    text_.resize(before + unpacked.value_or(0));
    if (!unpacked) return with_context(path_.string(), unpacked.error());
    if (*unpacked > 0) return {};
    const std::size_t count = std::fread(packed_.data(), 1, packed_.size(), file_.get());
    if (count == 0 && std::ferror(file_.get()) != 0) return io_error(path_.string() + ": reading failed: " + std::strerror(errno));
    bytes_read_ += count;
    at_end_ = count == 0;
    if (at_end_ && bytes_read_ > 0 && !unpacker_.at_end()) return data_corruption(path_.string() + ": the archive ends too early");
    unpacker_.feed({packed_.data(), count});
    return {};
  }

  std::filesystem::path path_;
  File file_;
  std::uintmax_t file_bytes_;
  std::uint64_t bytes_read_ = 0;
  Decompressor unpacker_;
  std::vector<char> packed_;
  std::string text_;
  std::size_t line_start_ = 0;
  std::uint64_t line_number_ = 0;
  bool at_end_ = false;
};

LineSource::LineSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineSource::~LineSource() = default;
LineSource::LineSource(LineSource&&) noexcept = default;
LineSource& LineSource::operator=(LineSource&&) noexcept = default;

Result<LineSource> LineSource::open(const std::filesystem::path& path) {
  if (path == "-") return LineSource(std::make_unique<Impl>(path, File(stdin), 0));
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return invalid_argument(path.string() + ": is a folder, expected a file");
  if (!std::filesystem::exists(path, error)) return not_found(path.string() + ": no such file");
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) return io_error(path.string() + ": cannot be opened: " + std::strerror(errno));
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return LineSource(std::make_unique<Impl>(path, std::move(file), error ? 0 : bytes));
}

Result<std::optional<std::string_view>> LineSource::next() {
  return impl_->next();
}
std::uint64_t LineSource::line_number() const {
  return impl_->line_number();
}
double LineSource::share_read() const {
  return impl_->share_read();
}

}  // namespace orthant
