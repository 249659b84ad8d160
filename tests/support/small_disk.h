#pragma once
// A small file system for tests of full disks. Seen only by the calling thread and by threads that it starts afterwards, so such a
// test is a program of its own: RocksDB's threads live as long as the process.

#include <filesystem>
#include <fstream>
#include <string>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace orthant::test {

// False where mounting is not allowed. `size` as the mount option takes it, "48m".
inline bool mount_small_disk(const std::filesystem::path& path, const std::string& size) {
  const uid_t user = getuid();
  if (user != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  } else if (unshare(CLONE_NEWNS) != 0) {
    return false;
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
}

// A file that takes up space until it is removed.
inline void write_ballast(const std::filesystem::path& file, int megabytes) {
  std::ofstream out(file);
  const std::string megabyte(std::size_t{1} << 20, 'b');
  for (int i = 0; i < megabytes; ++i) out << megabyte;
}

}  // namespace orthant::test
