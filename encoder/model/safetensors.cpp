#include "encoder/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/half.h"

namespace orthant {
namespace {

// The format's own limit for the header.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kLengthBytes = 8;

struct TypeInfo {
  std::string_view name;
  std::size_t bytes;
  TensorType type;
};
constexpr TypeInfo kTypes[] = {
    {"F32", 4, TensorType::kFloat32}, {"F16", 2, TensorType::kFloat16},   {"BF16", 2, TensorType::kBfloat16},
    {"F64", 8, TensorType::kOther},   {"I64", 8, TensorType::kOther},     {"U64", 8, TensorType::kOther},
    {"I32", 4, TensorType::kOther},   {"U32", 4, TensorType::kOther},     {"I16", 2, TensorType::kOther},
    {"U16", 2, TensorType::kOther},   {"I8", 1, TensorType::kOther},      {"U8", 1, TensorType::kOther},
    {"BOOL", 1, TensorType::kOther},  {"F8_E4M3", 1, TensorType::kOther}, {"F8_E5M2", 1, TensorType::kOther},
};

const TypeInfo* find_type(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeInfo& type) { return type.name == name; });
  return found == std::end(kTypes) ? nullptr : found;
}

Result<std::vector<std::size_t>> parse_shape(simdjson::dom::element value) {
  simdjson::dom::array sizes;
  if (value.get_array().get(sizes) != simdjson::SUCCESS) return data_corruption("shape is not a list");
  std::vector<std::size_t> shape;
  for (simdjson::dom::element size : sizes) {
    std::uint64_t count = 0;
    if (size.get_uint64().get(count) != simdjson::SUCCESS) return data_corruption("shape holds something else than whole numbers");
    if (shape.size() == kMaxDimensions) return data_corruption(fmt::format("shape has more than {} dimensions", kMaxDimensions));
    shape.push_back(count);
  }
  return shape;
}

Result<std::size_t> checked_bytes(const std::vector<std::size_t>& shape, std::size_t element_bytes) {
  std::size_t total = element_bytes;
  for (const std::size_t size : shape) {
    if (__builtin_mul_overflow(total, size, &total)) return data_corruption(fmt::format("shape {} overflows", shape));
  }
  return total;
}

Result<std::pair<std::uint64_t, std::uint64_t>> parse_offsets(simdjson::dom::element value) {
  simdjson::dom::array offsets;
  std::uint64_t ends[2] = {};
  if (value.get_array().get(offsets) != simdjson::SUCCESS || offsets.size() != 2 ||
      offsets.at(0).get_uint64().get(ends[0]) != simdjson::SUCCESS ||
      offsets.at(1).get_uint64().get(ends[1]) != simdjson::SUCCESS) {
    return data_corruption("data_offsets is not a pair of whole numbers");
  }
  return std::pair(ends[0], ends[1]);
}

Result<TensorView> parse_tensor(simdjson::dom::element entry, std::span<const std::uint8_t> data) {
  simdjson::dom::object fields;
  if (entry.get_object().get(fields) != simdjson::SUCCESS) return data_corruption("entry is not an object");
  std::string_view type_name;
  if (fields["dtype"].get_string().get(type_name) != simdjson::SUCCESS) return data_corruption("dtype is missing or no string");
  simdjson::dom::element shape_value;
  simdjson::dom::element offsets_value;
  if (fields["shape"].get(shape_value) != simdjson::SUCCESS) return data_corruption("shape is missing");
  if (fields["data_offsets"].get(offsets_value) != simdjson::SUCCESS) return data_corruption("data_offsets is missing");
  const TypeInfo* type = find_type(type_name);
  if (type == nullptr) return data_corruption(fmt::format("dtype \"{}\" is not known", type_name));

  TensorView tensor{type->type, std::string(type_name), ORTHANT_TRY(parse_shape(shape_value)), {}};
  const auto [begin, end] = ORTHANT_TRY(parse_offsets(offsets_value));
  const std::size_t bytes = ORTHANT_TRY(checked_bytes(tensor.shape, type->bytes));
  if (begin > end || end > data.size()) {
    return data_corruption(fmt::format("data_offsets [{}, {}] lie outside of the {} bytes of data", begin, end, data.size()));
  }
  if (end - begin != bytes) {
    return data_corruption(fmt::format("data_offsets [{}, {}] hold {} bytes, shape {} of {} needs {}", begin, end, end - begin,
                                       tensor.shape, type_name, bytes));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

// The format allows neither holes nor shared bytes.
Status check_layout(const std::map<std::string, TensorView, std::less<>>& tensors, std::span<const std::uint8_t> data) {
  std::vector<std::pair<const std::string*, const TensorView*>> order;
  for (const auto& [name, tensor] : tensors) order.emplace_back(&name, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->bytes.data(), a.second->bytes.size()) < std::pair(b.second->bytes.data(), b.second->bytes.size());
  });
  const std::uint8_t* expected = data.data();
  for (const auto& [name, tensor] : order) {
    if (tensor->bytes.data() != expected) {
      return data_corruption(fmt::format("tensor \"{}\" {} (its data start at {}, expected {})", *name,
                                         tensor->bytes.data() < expected ? "overlaps another" : "leaves a hole before it",
                                         tensor->bytes.data() - data.data(), expected - data.data()));
    }
    expected += tensor->bytes.size();
  }
  if (expected != data.data() + data.size()) {
    return data_corruption(fmt::format("{} bytes of data belong to no tensor", data.data() + data.size() - expected));
  }
  return {};
}

}  // namespace

std::size_t TensorView::element_count() const {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  return count;
}

void widen_to_floats(TensorType type, std::span<const std::uint8_t> values, float* out) {
  if (type == TensorType::kFloat32) {
    if (!values.empty()) std::memcpy(out, values.data(), values.size());
    return;
  }
  for (std::size_t i = 0; i < values.size() / sizeof(std::uint16_t); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, values.data() + i * sizeof bits, sizeof bits);
    out[i] = type == TensorType::kFloat16 ? float_from_float16(bits) : float_from_bfloat16(bits);
  }
}

class SafeTensors::Mapping {
 public:
  static Result<std::unique_ptr<Mapping>> map(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return io_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
    struct stat status{};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor);
      return io_error(fmt::format("{}: not a regular file", file.string()));
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size < kLengthBytes) {
      ::close(descriptor);
      return data_corruption(fmt::format("{}: {} bytes are too few for a safetensors file", file.string(), size));
    }
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);
    if (memory == MAP_FAILED) return io_error(fmt::format("{}: cannot map: {}", file.string(), std::strerror(errno)));
    return std::unique_ptr<Mapping>(new Mapping(memory, size));
  }
  ~Mapping() { munmap(memory_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::uint8_t> bytes() const { return {static_cast<const std::uint8_t*>(memory_), size_}; }
  void release_pages() const { madvise(memory_, size_, MADV_DONTNEED); }

 private:
  Mapping(void* memory, std::size_t size) : memory_(memory), size_(size) {}
  void* memory_;
  std::size_t size_;
};

SafeTensors::SafeTensors() = default;
SafeTensors::SafeTensors(SafeTensors&&) noexcept = default;
SafeTensors& SafeTensors::operator=(SafeTensors&&) noexcept = default;
SafeTensors::~SafeTensors() = default;

Result<SafeTensors> SafeTensors::open(const std::filesystem::path& file) {
  SafeTensors opened;
  opened.file_ = file;
  opened.parts_.push_back(file);
  opened.mappings_.push_back(ORTHANT_TRY(Mapping::map(file)));
  const std::span<const std::uint8_t> bytes = opened.mappings_.front()->bytes();
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes) {
    return data_corruption(
        fmt::format("{}: a header of {} bytes is announced, the file has {} bytes after its length (at most {} allowed)",
                    file.string(), header_bytes, bytes.size() - kLengthBytes, kMaxHeaderBytes));
  }
  const std::span<const std::uint8_t> data = bytes.subspan(kLengthBytes + header_bytes);
  simdjson::dom::parser parser;
  simdjson::dom::object header;
  const auto error =
      parser.parse(reinterpret_cast<const char*>(bytes.data() + kLengthBytes), header_bytes).get_object().get(header);
  if (error != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: the header is no JSON object: {}", file.string(), simdjson::error_message(error)));
  }
  for (const auto& [name, entry] : header) {
    if (name == "__metadata__") continue;
    Result<TensorView> tensor = parse_tensor(entry, data);
    if (!tensor) return with_context(fmt::format("{}: tensor \"{}\"", file.string(), name), std::move(tensor).error());
    if (!opened.tensors_.emplace(std::string(name), std::move(*tensor)).second) {
      return data_corruption(fmt::format("{}: tensor \"{}\" is there twice", file.string(), name));
    }
  }
  Status layout = check_layout(opened.tensors_, data);
  if (!layout) return with_context(file.string(), std::move(layout).error());
  return opened;
}

const TensorView* SafeTensors::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Status SafeTensors::join(SafeTensors part, const std::filesystem::path& whole) {
  for (auto& [name, tensor] : part.tensors_) {
    if (!tensors_.emplace(name, std::move(tensor)).second) {
      return data_corruption(
          fmt::format("{}: tensor \"{}\" of {} is in another part too", whole.string(), name, part.file_.string()));
    }
  }
  std::ranges::move(part.parts_, std::back_inserter(parts_));
  std::ranges::move(part.mappings_, std::back_inserter(mappings_));
  file_ = whole;
  return {};
}

std::size_t SafeTensors::file_bytes() const {
  std::size_t bytes = 0;
  for (const auto& mapping : mappings_) bytes += mapping->bytes().size();
  return bytes;
}

Result<const TensorView*> SafeTensors::float_tensor(std::string_view name, std::span<const std::size_t> shape) const {
  const TensorView* tensor = find(name);
  if (tensor == nullptr) return data_corruption(fmt::format("{}: tensor \"{}\" is missing", file_.string(), name));
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    return data_corruption(fmt::format("{}: tensor \"{}\" has shape {}, expected {}", file_.string(), name, tensor->shape, shape));
  }
  if (tensor->type == TensorType::kOther) {
    return data_corruption(
        fmt::format("{}: tensor \"{}\" has type {}, expected F32, F16 or BF16", file_.string(), name, tensor->type_name));
  }
  return tensor;
}

Result<std::span<const float>> SafeTensors::view_floats(std::string_view name, std::span<const std::size_t> shape,
                                                        std::vector<float>& storage) const {
  const TensorView* tensor = ORTHANT_TRY(float_tensor(name, shape));
  const bool aligned = reinterpret_cast<std::uintptr_t>(tensor->bytes.data()) % alignof(float) == 0;
  if (tensor->type == TensorType::kFloat32 && aligned) {
    return std::span(reinterpret_cast<const float*>(tensor->bytes.data()), tensor->element_count());
  }
  storage.resize(tensor->element_count());
  widen_to_floats(tensor->type, tensor->bytes, storage.data());
  return std::span<const float>(storage);
}

Result<std::vector<float>> SafeTensors::read_floats(std::string_view name, std::span<const std::size_t> shape) const {
  std::vector<float> storage;
  const std::span<const float> view = ORTHANT_TRY(view_floats(name, shape, storage));
  if (storage.empty()) storage.assign(view.begin(), view.end());
  return storage;
}

void SafeTensors::release_pages() const {
  for (const auto& mapping : mappings_) mapping->release_pages();
}

}  // namespace orthant
