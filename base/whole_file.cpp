#include "base/whole_file.h"

#include <fstream>
#include <system_error>
#include <vector>

#include <fmt/format.h>

namespace orthant {

Result<std::string> read_whole_file(const std::filesystem::path& file, std::uintmax_t max_bytes) {
  const auto too_large = [&](std::uintmax_t bytes) {
    return invalid_argument(fmt::format("{}: {} bytes, at most {} are read", file.string(), bytes, max_bytes));
  };
  std::error_code unknown;  // pipes have no size; they are read until they end
  if (const std::uintmax_t size = std::filesystem::file_size(file, unknown); !unknown && size > max_bytes) return too_large(size);
  std::ifstream in(file, std::ios::binary);
  if (!in) return io_error(file.string() + ": cannot be opened");
  // read() turns what a stream buffer throws (a folder, a failing disk) into bad().
  std::string content;
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    content.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (content.size() > max_bytes) return too_large(content.size());
  }
  if (in.bad()) return io_error(file.string() + ": reading failed");
  return content;
}

Status write_whole_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out) return io_error(file.string() + ": cannot be written");
  return {};
}

}  // namespace orthant
