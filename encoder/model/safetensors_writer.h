#pragma once
// SafeTensorsWriter: gathers tensors and writes them as one .safetensors file. Holds views of the tensors' bytes: they must outlive
// write(). One thread at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

class SafeTensorsWriter {
 public:
  // `type_name` as the format calls it: "F32", "BF16", "I8", ... `bytes` hold the whole tensor, row-major. Names are unique
  // (asserted).
  void add(std::string name, std::string_view type_name, std::vector<std::size_t> shape, std::span<const std::uint8_t> bytes);

  template <typename T>
  void add(std::string name, std::string_view type_name, std::vector<std::size_t> shape, const std::vector<T>& values) {
    add(std::move(name), type_name, std::move(shape),
        {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)});
  }

  // Types of larger elements first, so that all tensors are aligned in a mapped file; then by name. The file is synced to disk.
  // io_error when it cannot be written.
  // `tensor_written` is called after each tensor: what the writer read of it is not read again.
  Status write(const std::filesystem::path& file, const std::function<void()>& tensor_written = [] {}) const;

 private:
  struct Tensor {
    std::string type_name;
    std::vector<std::size_t> shape;
    std::span<const std::uint8_t> bytes;
  };
  std::string header(std::span<const std::pair<const std::string, Tensor>* const> order) const;

  std::map<std::string, Tensor> tensors_;
};

}  // namespace orthant
