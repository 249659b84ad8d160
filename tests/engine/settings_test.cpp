#include "engine/settings.h"

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

// Sets a variable for the length of a test.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) { setenv(name_.c_str(), value.c_str(), 1); }
  ~Variable() { unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

Result<ParsedSettings> parse(std::initializer_list<const char*> arguments) {
  return parse_settings({arguments.begin(), arguments.size()});
}

std::string error_of(std::initializer_list<const char*> arguments) {
  const auto parsed = parse(arguments);
  return parsed ? "no error" : parsed.error().message;
}

class SettingsFile {
 public:
  explicit SettingsFile(const std::string& text) : path_(directory_.path() / "orthant.yaml") { std::ofstream(path_) << text; }
  std::string path() const { return path_.string(); }

 private:
  test::TemporaryDirectory directory_;
  std::filesystem::path path_;
};

TEST(Settings, HaveDefaultsWithoutAnySource) {
  const Variable home("ORTHANT_HOME", "/somewhere");
  const auto parsed = parse({});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->settings.data_dir, "/somewhere/data");
  EXPECT_EQ(parsed->settings.host, "127.0.0.1");
  EXPECT_EQ(parsed->settings.http_port, 6333);
  EXPECT_TRUE(parsed->settings.models.empty());
  EXPECT_FALSE(parsed->show_help || parsed->show_version || parsed->check_config);
}

TEST(Settings, AreReadFromFlagsInBothForms) {
  const auto parsed = parse({"--data", "/d", "--host=0.0.0.0", "--http-port", "0", "--model", "a", "--model=b=/models/b",
                             "--sync-every-write", "--max-body-bytes", "64MiB", "--check-config"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->settings.data_dir, "/d");
  EXPECT_EQ(parsed->settings.host, "0.0.0.0");
  EXPECT_EQ(parsed->settings.http_port, 0);
  EXPECT_EQ(parsed->settings.models, (std::vector<std::string>{"a", "b=/models/b"}));
  EXPECT_TRUE(parsed->settings.sync_every_write);
  EXPECT_EQ(parsed->settings.max_body_bytes, std::size_t{64} << 20);
  EXPECT_TRUE(parsed->check_config);
}

TEST(Settings, AreReadFromTheEnvironment) {
  const Variable port("ORTHANT_HTTP_PORT", "7000");
  const Variable models("ORTHANT_MODEL", "first,second=/models/second");
  const Variable sync("ORTHANT_SYNC_EVERY_WRITE", "true");
  const Variable empty("ORTHANT_HOST", "");
  const auto parsed = parse({});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->settings.http_port, 7000);
  EXPECT_EQ(parsed->settings.models, (std::vector<std::string>{"first", "second=/models/second"}));
  EXPECT_TRUE(parsed->settings.sync_every_write);
  EXPECT_EQ(parsed->settings.host, "127.0.0.1");
}

TEST(Settings, AreReadFromAFile) {
  const SettingsFile file("http_port: 7001\nmodel: [a, b]\nlog_level: debug\nblock_cache_bytes: 1GiB\nsync_every_write: true\n");
  const auto parsed = parse({"--config", file.path().c_str()});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->settings.http_port, 7001);
  EXPECT_EQ(parsed->settings.models, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parsed->settings.log_level, "debug");
  EXPECT_EQ(parsed->settings.block_cache_bytes, std::size_t{1} << 30);
  EXPECT_TRUE(parsed->settings.sync_every_write);
  EXPECT_EQ(parsed->settings.config_file, file.path());
}

TEST(Settings, FlagGoesBeforeVariableAndVariableBeforeFile) {
  const SettingsFile file("http_port: 1\nmax_connections: 1\nidle_timeout_s: 1\nmodel: from-file\n");
  const Variable config("ORTHANT_CONFIG", file.path());
  const Variable port("ORTHANT_HTTP_PORT", "2");
  const Variable connections("ORTHANT_MAX_CONNECTIONS", "2");
  const Variable models("ORTHANT_MODEL", "from-variable");
  const auto parsed = parse({"--http-port", "3", "--model", "from-flag"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->settings.http_port, 3);
  EXPECT_EQ(parsed->settings.max_connections, 2U);
  EXPECT_EQ(parsed->settings.idle_timeout_s, 1U);
  EXPECT_EQ(parsed->settings.models, (std::vector<std::string>{"from-flag"}));
}

TEST(Settings, ErrorsNameTheSourceAndWhatIsExpected) {
  EXPECT_EQ(error_of({"--http-port", "65536"}), "--http-port: found \"65536\", expected a number, from 0 to 65535");
  EXPECT_EQ(error_of({"--idle-timeout-s", "0"}), "--idle-timeout-s: found \"0\", expected a number, 1 or larger");
  EXPECT_EQ(error_of({"--threads=-1"}), "--threads: found \"-1\", expected a number, 0 or larger");
  EXPECT_EQ(error_of({"--max-body-bytes", "5MB"}),
            "--max-body-bytes: found \"5MB\", expected a number, 1024 or larger (bytes; KiB, MiB and GiB may follow)");
  EXPECT_EQ(error_of({"--log-level", "loud"}), "--log-level: found \"loud\", expected debug, info, warning or error.");
  EXPECT_EQ(error_of({"--data"}), "--data: found nothing after it, expected DIR");
  EXPECT_EQ(error_of({"--prot", "1"}), "--prot: unknown option (--help lists them)");
  EXPECT_EQ(error_of({"serve"}), "serve: unknown option (--help lists them)");
  EXPECT_EQ(error_of({"--sync-every-write=yes"}), "--sync-every-write: found \"yes\", expected true or false");
  const Variable connections("ORTHANT_MAX_CONNECTIONS", "many");
  EXPECT_EQ(error_of({}), "ORTHANT_MAX_CONNECTIONS: found \"many\", expected a number, 1 or larger");
}

TEST(Settings, ErrorsInTheFileNameKeyAndFile) {
  const SettingsFile unknown("host: a\nhttp_prot: 1\n");
  EXPECT_EQ(error_of({"--config", unknown.path().c_str()}),
            "http_prot in " + unknown.path() + " line 2: unknown key (--help lists them)");
  const SettingsFile wrong("http_port: many\n");
  EXPECT_EQ(error_of({"--config", wrong.path().c_str()}),
            "http_port in " + wrong.path() + ": found \"many\", expected a number, from 0 to 65535");
  const SettingsFile list("host: [a, b]\n");
  EXPECT_EQ(error_of({"--config", list.path().c_str()}), "host in " + list.path() + ": expected a single value");
  const SettingsFile no_yaml("host: [open\n");
  EXPECT_TRUE(error_of({"--config", no_yaml.path().c_str()}).starts_with(no_yaml.path() + " line "));
  const SettingsFile plain("just text\n");
  EXPECT_EQ(error_of({"--config", plain.path().c_str()}), plain.path() + ": expected lines of the form \"key: value\"");
  EXPECT_EQ(error_of({"--config", "/no/such/file"}), "--config: cannot read \"/no/such/file\"");
}

TEST(Settings, HelpAndVersionAreTold) {
  EXPECT_TRUE(parse({"--help"})->show_help);
  EXPECT_TRUE(parse({"-h"})->show_help);
  EXPECT_TRUE(parse({"--version"})->show_version);
  const std::string help = settings_help("orthantd");
  for (const char* word :
       {"--data DIR", "--http-port N", "ORTHANT_HTTP_PORT, http_port; default 6333", "ORTHANT_MODEL", "--check-config"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
}

TEST(Settings, GiveEachModelItsWeights) {
  Settings settings;
  EXPECT_EQ(weights_of_model(settings, "m"), WeightPrecision::kAuto);
  settings.weights = {"m=int4", "int8", "other=float32", "bfloat16"};
  EXPECT_EQ(weights_of_model(settings, "m"), WeightPrecision::kInt4);
  EXPECT_EQ(weights_of_model(settings, "other"), WeightPrecision::kFloat32);
  EXPECT_EQ(weights_of_model(settings, "third"), WeightPrecision::kBfloat16);
  const auto parse = [](const char* value) {
    const std::vector<const char*> arguments = {"--weights", value};
    return parse_settings(arguments);
  };
  EXPECT_EQ(parse("m=nf4")->settings.weights, std::vector<std::string>{"m=nf4"});
  for (const char* wrong : {"int5", "m=", "=int8", ""}) {
    const auto parsed = parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_NE(parsed.error().message.find("--weights: found"), std::string::npos) << parsed.error().message;
  }
}

TEST(Settings, DocumentIsWhatTheTableSays) {
  const std::filesystem::path path = std::filesystem::path(ORTHANT_SOURCE_DIR) / "docs" / "settings.md";
  if (std::getenv("ORTHANT_WRITE_DOCS") != nullptr) std::ofstream(path) << settings_markdown();
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  EXPECT_EQ(written.str(), settings_markdown()) << "run this test with ORTHANT_WRITE_DOCS=1";
}

}  // namespace
}  // namespace orthant
