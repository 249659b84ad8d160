// orthantd: listens, loads models and collections, serves until SIGTERM or SIGINT.
// Exit codes: 0 stopped cleanly, 1 could not start, 2 wrong use.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include "api/api_context.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"
#include "api/http/trusted_proxies.h"
#include "api/routes.h"
#include "api/service/gate.h"
#include "api/service/request_log.h"
#include "base/cpu.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/settings.h"

namespace orthant {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Before any thread is made: they inherit the mask, and only main takes the signals, with sigwait.
void block_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::size_t io_thread_count() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 4, 2, 8);
}

HttpServerOptions server_options(const Settings& settings) {
  HttpServerOptions options;
  options.host = settings.host;
  options.port = settings.http_port;
  options.io_threads = io_thread_count();
  options.max_connections = settings.max_connections;
  options.max_connections_per_client = settings.max_connections_per_client;
  options.trusted_proxies = settings.trusted_proxies;
  options.max_header_bytes = settings.max_header_bytes;
  options.idle_timeout = std::chrono::seconds(settings.idle_timeout_s);
  options.header_timeout = std::chrono::seconds(settings.header_timeout_s);
  options.read_timeout = std::chrono::seconds(settings.body_timeout_s);
  options.tls = {settings.tls_cert, settings.tls_key, settings.tls_client_ca};
  return options;
}

DispatcherOptions dispatcher_options(const ApiContext& context, service::Gate& gate, const service::RequestLog& log) {
  DispatcherOptions options;
  options.max_body_bytes = context.settings.max_body_bytes;
  options.pool = [&context]() -> ThreadPool* {
    Engine* engine = context.engine.load(std::memory_order_acquire);
    return engine == nullptr ? nullptr : &engine->request_pool();
  };
  const std::vector<std::string>& origins = context.settings.cors_origins;
  if (!origins.empty()) options.cors_origins = origins;
  if (origins == std::vector<std::string>{"none"}) options.cors_origins.clear();
  options.admit = [&gate](const Route* route, Request& request) { return gate.admit(route, request); };
  options.admit_content = [&gate](const Route& route, const Request& request) { return gate.admit_content(route, request); };
  options.observe = [&log](const Route* route, const Request& request, const Response& response) {
    log.observe(route, request, response);
  };
  return options;
}

// What an operator should know before somebody else finds it out.
void warn_of_open_doors(const Settings& settings) {
  const bool local = settings.host == "127.0.0.1" || settings.host == "::1" || settings.host == "localhost";
  const bool keys = !settings.api_key.empty() || !settings.alt_api_key.empty() || !settings.read_only_api_key.empty();
  if (!local && !keys) log_warning("no api_key is set: everybody who reaches this address may do everything");
  if (!local && keys && settings.tls_cert.empty()) log_warning("tls_cert is not set: keys travel unencrypted");
}

void log_models(const Engine& engine) {
  for (const LoadedModel& model : engine.all_models()) {
    const EncoderInfo& info = model_info(model);
    log_info(fmt::format("model {}: {}, {} dimensions, up to {} tokens, {} weights ({}), {} MiB", info.name,
                         model_kind_name(info.kind), info.dim, info.max_seq_length, info.weight_precision, info.weight_compute,
                         info.memory_bytes >> 20));
  }
  log_info(fmt::format("ready: {} collections", engine.collection_names().size()));
}

// Opens the engine beside the listening server and publishes it. When that fails, main is woken with SIGTERM.
class Loader {
 public:
  explicit Loader(ApiContext& context) : thread_([this, &context] { load(context); }) {}
  ~Loader() { thread_.join(); }

  bool failed() const { return failed_.load(); }
  // After the loading; null when it failed.
  std::unique_ptr<Engine> take() {
    finished_.wait(false);
    return std::move(engine_);
  }

 private:
  void load(ApiContext& context) {
    auto engine = Engine::open(context.settings);
    if (engine) {
      engine_ = std::move(*engine);
      log_models(*engine_);
      context.engine.store(engine_.get(), std::memory_order_release);
    } else {
      log_error(engine.error().message);
      failed_.store(true);
      kill(getpid(), SIGTERM);
    }
    finished_.store(true);
    finished_.notify_all();
  }

  std::atomic<bool> failed_{false};
  std::atomic<bool> finished_{false};
  std::unique_ptr<Engine> engine_;
  std::thread thread_;
};

// A second signal while stopping ends the process at once: acknowledged writes are in the log on disk.
void end_at_next_signal() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// Returns when a signal has come, and after it the delay in which /readyz says so already.
void wait_for_stop(ApiContext& context, std::size_t delay_s, const Loader& loader) {
  const sigset_t signals = stop_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  end_at_next_signal();
  context.stopping.store(true);
  if (loader.failed()) return;
  log_info("stopping");
  std::this_thread::sleep_for(std::chrono::seconds(delay_s));
}

int serve(const Settings& settings) {
  log_info(fmt::format("orthantd {} on {} ({} kernels)", ORTHANT_VERSION, cpu_model_name(), cpu_level_name(cpu_level())));
  log_info(fmt::format("data directory {}", settings.data_dir.string()));
  warn_of_open_doors(settings);
  ApiContext context;
  context.settings = settings;
  const Result<std::unique_ptr<service::RequestLog>> log = service::RequestLog::open(settings);
  if (!log) {
    log_error(log.error().message);
    return kExitFailure;
  }
  service::Gate gate(context);
  const Dispatcher dispatcher(make_router(context), dispatcher_options(context, gate, **log));
  context.dispatcher.store(&dispatcher);
  auto server = HttpServer::start(server_options(settings), [&](Request& request) { return dispatcher.handle(request); });
  if (!server) {
    log_error(server.error().message);
    return kExitFailure;
  }
  const std::string_view scheme = settings.tls_cert.empty() ? "http" : "https";
  log_info(fmt::format("listening on {}://{}:{}", scheme, settings.host, (*server)->port()));

  Loader loader(context);
  wait_for_stop(context, settings.drain_delay_s, loader);
  if (Engine* opened = context.engine.load(std::memory_order_acquire)) opened->begin_stop();
  (*server)->stop(std::chrono::seconds(settings.drain_timeout_s));
  context.engine.store(nullptr);
  std::unique_ptr<Engine> engine = loader.take();
  engine.reset();
  if (!loader.failed()) log_info("stopped");
  return loader.failed() ? kExitFailure : 0;
}

// Files and networks that settings name, beyond what their form tells.
Status check_files(const Settings& settings) {
  ORTHANT_TRY(TrustedProxies::parse(settings.trusted_proxies));
  if (!settings.tls_cert.empty()) ORTHANT_TRY(TlsContext::load({settings.tls_cert, settings.tls_key, settings.tls_client_ca}));
  if (!settings.audit_log.empty()) ORTHANT_TRY(service::AuditFile::open(settings.audit_log));
  return {};
}

int check_config(const Settings& settings) {
  const Status files = check_files(settings);
  if (!files) {
    fmt::print(stderr, "orthantd: {}\n", files.error().message);
    return kExitUsage;
  }
  fmt::print("the configuration is valid\n");
  return 0;
}

int run(std::span<const char* const> arguments) {
  const Result<ParsedSettings> parsed = parse_settings(arguments);
  if (!parsed) {
    fmt::print(stderr, "orthantd: {}\nTry orthantd --help.\n", parsed.error().message);
    return kExitUsage;
  }
  if (parsed->show_help) {
    fmt::print("{}", settings_help("orthantd"));
    return 0;
  }
  if (parsed->show_version) {
    fmt::print("orthantd {}\n", ORTHANT_VERSION);
    return 0;
  }
  if (parsed->print_man || !parsed->completion_shell.empty()) {
    fmt::print("{}", parsed->print_man ? settings_man_page(ORTHANT_VERSION) : settings_completion(parsed->completion_shell));
    return 0;
  }
  if (parsed->print_config) {
    fmt::print("{}", settings_yaml(*parsed));
    return 0;
  }
  if (const Result<LogLevel> level = parse_log_level(parsed->settings.log_level)) set_log_level(*level);
  set_log_format(parsed->settings.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  if (const Result<CpuLevel> level = choose_cpu_level(); !level) {
    fmt::print(stderr, "orthantd: {}\n", level.error().message);
    return kExitUsage;
  }
  if (parsed->check_config) return check_config(parsed->settings);
  block_signals();
  return serve(parsed->settings);
}

}  // namespace
}  // namespace orthant

int main(int count, char** values) {
  const std::span<const char* const> arguments(values, static_cast<std::size_t>(count));
  return orthant::run(arguments.subspan(1));
}
