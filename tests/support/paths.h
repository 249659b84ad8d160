#pragma once
// Where tests find real data. Each is empty where it does not exist: the test then skips and says so (ORTHANT_REQUIRE_*).

#include <cstdlib>
#include <filesystem>
#include <string>

namespace orthant::test {

inline std::filesystem::path existing_or_empty(std::filesystem::path path) {
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

// The folder with data/ and reference/ (retrieval sets and reference embeddings): $ORTHANT_SHARED_DIR, or beside the checkout.
inline std::filesystem::path shared_dir() {
  if (const char* set = std::getenv("ORTHANT_SHARED_DIR")) return existing_or_empty(set);
  return existing_or_empty(std::filesystem::path(ORTHANT_SOURCE_DIR) / ".." / "shared");
}

// A model's folder in the cache.
inline std::filesystem::path model_dir(const std::string& name) {
  std::filesystem::path home;
  if (const char* set = std::getenv("ORTHANT_HOME")) {
    home = set;
  } else if (const char* cache = std::getenv("XDG_CACHE_HOME")) {
    home = std::filesystem::path(cache) / "orthant";
  } else if (const char* user = std::getenv("HOME")) {
    home = std::filesystem::path(user) / ".cache" / "orthant";
  }
  return existing_or_empty(home / "models" / name);
}

// scripts/test fetches it before the tests run.
inline std::filesystem::path default_model_dir() {
  return model_dir("all-MiniLM-L6-v2");
}

}  // namespace orthant::test

#define ORTHANT_REQUIRE_SHARED_DATA() \
  if (::orthant::test::shared_dir().empty()) GTEST_SKIP() << "needs ../shared, which is not here"
#define ORTHANT_REQUIRE_DEFAULT_MODEL() \
  if (::orthant::test::default_model_dir().empty()) GTEST_SKIP() << "needs the default model, which is not in the cache"
