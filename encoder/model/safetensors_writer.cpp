#include "encoder/model/safetensors_writer.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "encoder/model/json_quote.h"

namespace orthant {
namespace {

// The header ends at a multiple of this, so that the data after it are aligned.
constexpr std::size_t kHeaderStep = 8;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::size_t element_bytes(std::string_view type_name) {
  if (type_name.ends_with("64")) return 8;
  if (type_name.ends_with("32")) return 4;
  return type_name.ends_with("16") ? 2 : 1;
}

}  // namespace

void SafeTensorsWriter::add(std::string name, std::string_view type_name, std::vector<std::size_t> shape,
                            std::span<const std::uint8_t> bytes) {
  [[maybe_unused]] const bool is_new =
      tensors_.emplace(std::move(name), Tensor{std::string(type_name), std::move(shape), bytes}).second;
  assert(is_new);
}

std::string SafeTensorsWriter::header(std::span<const std::pair<const std::string, Tensor>* const> order) const {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  std::size_t start = 0;
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    header += ',';
    header += quoted_json(name);
    const std::size_t end = start + tensor.bytes.size();
    header += fmt::format(R"(:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", tensor.type_name,
                          fmt::join(tensor.shape, ","), start, end);
    start = end;
  }
  header += '}';
  header.append((kHeaderStep - header.size() % kHeaderStep) % kHeaderStep, ' ');
  return header;
}

Status SafeTensorsWriter::write(const std::filesystem::path& file, const std::function<void()>& tensor_written) const {
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& entry : tensors_) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(element_bytes(b->second.type_name), a->first) < std::pair(element_bytes(a->second.type_name), b->first);
  });
  const std::string text = header(order);
  const std::uint64_t header_bytes = text.size();
  const std::unique_ptr<std::FILE, CloseFile> out(std::fopen(file.c_str(), "wb"));
  const auto put = [&](const void* data, std::size_t bytes) { return std::fwrite(data, 1, bytes, out.get()) == bytes; };
  bool written = out != nullptr && put(&header_bytes, sizeof header_bytes) && put(text.data(), text.size());
  for (const auto* entry : order) {
    written = written && put(entry->second.bytes.data(), entry->second.bytes.size());
    tensor_written();
  }
  written = written && std::fflush(out.get()) == 0 && fsync(fileno(out.get())) == 0;
  if (!written) return io_error(fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
  return {};
}

}  // namespace orthant
