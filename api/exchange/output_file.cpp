#include "api/exchange/output_file.h"

#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace orthant {

OutputFile::OutputFile(std::filesystem::path path, std::filesystem::path beside, std::FILE* file)
    : path_(std::move(path)), beside_(std::move(beside)), file_(file) {}

OutputFile::~OutputFile() {
  if (!file_) return;
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(beside_, ignored);
}

std::unexpected<Error> OutputFile::failed(std::string_view what) const {
  return io_error(fmt::format("{}: {}: {}", beside_.string(), what, std::strerror(errno)));
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  const std::filesystem::path beside = path.string() + ".partial";
  std::FILE* file = std::fopen(beside.c_str(), "w+b");
  if (file == nullptr) return io_error(fmt::format("{}: cannot be written: {}", beside.string(), std::strerror(errno)));
  return OutputFile(path, beside, file);
}

Status OutputFile::append(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return failed("writing failed");
  size_ += bytes.size();
  return {};
}

Status OutputFile::patch(std::uint64_t offset, std::string_view bytes) {
  if (std::fseek(file_.get(), static_cast<long>(offset), SEEK_SET) != 0) return failed("seeking failed");
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return failed("writing failed");
  if (std::fseek(file_.get(), 0, SEEK_END) != 0) return failed("seeking failed");
  return {};
}

Status OutputFile::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (std::fseek(file_.get(), static_cast<long>(offset), SEEK_SET) != 0) return failed("seeking failed");
  if (std::fread(out.data(), 1, out.size(), file_.get()) != out.size()) return failed("reading back failed");
  if (std::fseek(file_.get(), 0, SEEK_END) != 0) return failed("seeking failed");
  return {};
}

Status OutputFile::finish() {
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) return failed("writing failed");
  std::error_code error;
  std::filesystem::rename(beside_, path_, error);
  if (error) return io_error(fmt::format("{}: cannot be renamed to {}: {}", beside_.string(), path_.string(), error.message()));
  file_.reset();
  return {};
}

}  // namespace orthant
