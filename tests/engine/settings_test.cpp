#include "engine/settings.h"

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <set>
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
  EXPECT_EQ(error_of({"--log-level", "loud"}), "--log-level: found \"loud\", expected one of debug, info, warning, error");
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
            "http_port in " + wrong.path() + " line 1: found \"many\", expected a number, from 0 to 65535");
  const SettingsFile list("# a list\nhost: [a, b]\n");
  EXPECT_EQ(error_of({"--config", list.path().c_str()}), "host in " + list.path() + " line 2: expected a single value");
  const SettingsFile element("weights:\n  - int8\n  - int5\n");
  EXPECT_TRUE(
      error_of({"--config", element.path().c_str()}).starts_with("weights in " + element.path() + " line 3: found \"int5\""));
  const SettingsFile twice("host: a\nhost: b\n");
  EXPECT_EQ(error_of({"--config", twice.path().c_str()}), "host in " + twice.path() + " line 2: the key stands there twice");
  const SettingsFile no_yaml("host: [open\n");
  EXPECT_TRUE(error_of({"--config", no_yaml.path().c_str()}).starts_with(no_yaml.path() + " line "));
  const SettingsFile plain("just text\n");
  EXPECT_EQ(error_of({"--config", plain.path().c_str()}), plain.path() + ": expected lines of the form \"key: value\"");
  EXPECT_EQ(error_of({"--config", "/no/such/file"}), "--config: cannot read \"/no/such/file\"");
}

TEST(Settings, AnEmptyFileSetsNothing) {
  const SettingsFile empty("");
  EXPECT_EQ(error_of({"--config", empty.path().c_str()}), "no error");
  const SettingsFile comment("# nothing yet\n");
  EXPECT_EQ(error_of({"--config", comment.path().c_str()}), "no error");
}

TEST(Settings, SecretsComeFromFilesAndStandInNoMessage) {
  const SettingsFile key("top-secret \nsecond line\n");
  const std::string from_file = "file:" + key.path();
  const auto parsed = parse({"--api-key", from_file.c_str(), "--read-only-api-key=reader", "--jwt"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->settings.api_key, "top-secret");
  const std::string shown = settings_yaml(*parsed);
  EXPECT_EQ(shown.find("top-secret"), std::string::npos);
  EXPECT_EQ(shown.find("reader"), std::string::npos);
  EXPECT_NE(shown.find("api_key: \"********\"  # --api-key\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("# alt_api_key:  # default\n"), std::string::npos) << shown;
  EXPECT_EQ(error_of({"--api-key", "tab\tkey"}), "--api-key: expected a key of printable ASCII characters (not shown here)");
  EXPECT_EQ(error_of({"--api-key", "file:/no/such/file"}), "--api-key: cannot read a key from \"/no/such/file\"");
  EXPECT_EQ(error_of({"--api-kee=top-secret"}), "--api-kee: unknown option (--help lists them)");
}

TEST(Settings, ThatContradictEachOtherAreRefused) {
  EXPECT_EQ(error_of({"--tls-cert", "a.pem"}), "tls_cert and tls_key: found only one of them, expected both or none");
  EXPECT_TRUE(error_of({"--tls-client-ca", "a.pem"}).starts_with("tls_client_ca: "));
  EXPECT_TRUE(error_of({"--jwt"}).starts_with("jwt: found without api_key"));
  EXPECT_TRUE(error_of({"--api-key=a", "--read-only-api-key=a"}).starts_with("read_only_api_key: "));
  EXPECT_TRUE(error_of({"--cors-origin=*", "--cors-origin=https://a"}).starts_with("cors_origin: "));
  EXPECT_TRUE(error_of({"--cors-origin=search.example.com"}).starts_with("--cors-origin: found \"search.example.com\""));
}

TEST(Settings, PrintedAsYamlReadBackAsThemselves) {
  const Variable variable("ORTHANT_IDLE_TIMEOUT_S", "7");
  const auto first = parse({"--data", "/with space: and colon", "--model=a=/m#1", "--model", "b", "--log-format=json",
                            "--cors-origin", "https://a.example:8443", "--sync-every-write", "--max-body-bytes=1MiB"});
  ASSERT_TRUE(first) << first.error().message;
  const std::string text = settings_yaml(*first);
  EXPECT_NE(text.find("idle_timeout_s: 7  # ORTHANT_IDLE_TIMEOUT_S\n"), std::string::npos) << text;
  const SettingsFile file(text);
  unsetenv("ORTHANT_IDLE_TIMEOUT_S");
  const auto second = parse({"--config", file.path().c_str()});
  ASSERT_TRUE(second) << second.error().message << "\n" << text;
  EXPECT_EQ(second->settings.data_dir, "/with space: and colon");
  EXPECT_EQ(second->settings.models, (std::vector<std::string>{"a=/m#1", "b"}));
  EXPECT_EQ(second->settings.cors_origins, std::vector<std::string>{"https://a.example:8443"});
  EXPECT_EQ(second->settings.idle_timeout_s, 7U);
  EXPECT_TRUE(second->settings.sync_every_write);
  EXPECT_EQ(second->settings.max_body_bytes, std::size_t{1} << 20);
  EXPECT_EQ(second->settings.audit_log, "");
  EXPECT_TRUE(second->settings.trusted_proxies.empty());
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

// Words of a text that begin with "--".
std::set<std::string> flags_in(const std::string& text) {
  std::set<std::string> flags;
  for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at + 1)) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", at);
    if (end > at + 2) flags.insert(text.substr(at, end - at));
  }
  return flags;
}

TEST(Settings, PagesAndCompletionsKnowEveryFlag) {
  const std::set<std::string> flags = flags_in(settings_help("orthantd"));
  EXPECT_GT(flags.size(), 30U);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto parsed = parse({"--completion", shell});
    ASSERT_TRUE(parsed) << shell;
    const std::string script = settings_completion(parsed->completion_shell);
    for (const std::string& flag : flags) {
      const std::string word = shell == std::string("fish") ? "-l " + flag.substr(2) + " " : flag;
      EXPECT_NE(script.find(word), std::string::npos) << shell << " " << flag;
    }
  }
  EXPECT_TRUE(parse({"--man"})->print_man);
  std::string page = settings_man_page("1.2.3");
  for (std::size_t at; (at = page.find("\\-")) != std::string::npos;) page.erase(at, 1);
  for (const std::string& flag : flags) EXPECT_NE(page.find(flag), std::string::npos) << flag;
  EXPECT_EQ(error_of({"--completion", "tcsh"}), "--completion: found \"tcsh\", expected bash, zsh or fish");
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
