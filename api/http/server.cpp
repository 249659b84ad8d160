#include "api/http/server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/http/session.h"
#include "base/log.h"
#include "base/metrics.h"

namespace orthant {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, IoExecutor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

constexpr std::chrono::milliseconds kCheckInterval{100};
// Sent as it stands, also where TLS is spoken: a handshake for each refused connection would be the greater burden.
constexpr std::string_view kRefusal =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

// One io thread and its sessions. All but the atomics is touched by that thread only.
struct Worker {
  asio::io_context context{1};
  asio::executor_work_guard<IoExecutor> work{context.get_executor()};
  std::list<Session*> sessions;
  std::thread thread;
};

auto report_exception(std::string_view what) {
  return [what](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& exception) {
      log_error(fmt::format("{}: {}", what, exception.what()));
    }
  };
}

// Connections by address. Entries go with the last connection, so that the map is bounded by max_connections.
class ClientCounts {
 public:
  explicit ClientCounts(std::size_t most) : most_(most) {}

  // False: the address has as many as it may.
  bool enter(const std::string& client) {
    if (most_ == 0) return true;
    const std::lock_guard lock(mutex_);
    std::size_t& count = counts_[client];
    if (count >= most_) return false;
    ++count;
    return true;
  }
  void leave(const std::string& client) {
    if (most_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(client);
    if (--found->second == 0) counts_.erase(found);
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;  // guarded by mutex_
};

Counter& refused_connections() {
  static Counter& instance = counter("orthant_http_connections_refused_total", "Connections refused because there were too many");
  return instance;
}

Gauge& connections_gauge() {
  static Gauge& instance = gauge("orthant_http_connections", "Open HTTP connections");
  return instance;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, RequestHandler handler)
      : options_(options), handler_(std::move(handler)), clients_(options.max_connections_per_client) {
    limits_.max_header_bytes = options.max_header_bytes;
    limits_.idle_timeout = options.idle_timeout;
    limits_.header_timeout = options.header_timeout;
    limits_.read_timeout = options.read_timeout;
    limits_.write_timeout = options.write_timeout;
    limits_.half_closed_grace = options.half_closed_grace;
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options.io_threads); ++i) workers_.push_back(std::make_unique<Worker>());
    acceptor_ = std::make_unique<Acceptor>(workers_[0]->context);
  }

  ~Impl() { stop(std::chrono::milliseconds(0)); }

  Status listen() {
    proxies_ = ORTHANT_TRY(TrustedProxies::parse(options_.trusted_proxies));
    if (!options_.tls.certificate.empty()) tls_ = ORTHANT_TRY(TlsContext::load(options_.tls));
    error_code error;
    asio::ip::tcp::resolver resolver(workers_[0]->context);
    const auto found = resolver.resolve(options_.host, std::to_string(options_.port), asio::ip::tcp::resolver::passive, error);
    if (error || found.empty()) return io_error(fmt::format("host {}: {}", options_.host, error.message()));
    const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
    if (!error) acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) acceptor_->set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(4096, error);
    if (error) return io_error(fmt::format("cannot listen on {}:{}: {}", options_.host, options_.port, error.message()));
    port_ = acceptor_->local_endpoint().port();
    return {};
  }

  void run() {
    asio::co_spawn(workers_[0]->context, accept_loop(), report_exception("accepting connections"));
    for (auto& worker : workers_) {
      asio::co_spawn(worker->context, check_loop(*worker), report_exception("checking connections"));
      worker->thread = std::thread([&context = worker->context] {
        pthread_setname_np(pthread_self(), "orthant-io");
        context.run();
      });
    }
  }

  void stop(std::chrono::milliseconds grace) {
    if (stopped_) return;
    stopped_ = true;
    stopping_.store(true);
    asio::post(workers_[0]->context, [this] {
      error_code ignored;
      acceptor_->close(ignored);
    });
    on_all_sessions([](Session& session) { session.finish(); });
    if (!wait_for_sessions(grace)) {
      on_all_sessions([](Session& session) { session.abort(); });
      if (!wait_for_sessions(std::chrono::seconds(10))) log_warning("some requests take long to end; waiting for them");
      wait_for_sessions(std::chrono::hours(24));
    }
    for (auto& worker : workers_) {
      worker->work.reset();
      worker->context.stop();
      if (worker->thread.joinable()) worker->thread.join();
    }
  }

  std::uint16_t port() const { return port_; }
  std::size_t connection_count() const { return connections_.load(); }

 private:
  Awaitable<void> accept_loop() {
    std::size_t next_worker = 0;
    Timer pause(workers_[0]->context);
    while (!stopping_.load()) {
      Worker& worker = *workers_[next_worker++ % workers_.size()];
      TcpSocket socket(worker.context);
      error_code error;
      co_await acceptor_->async_accept(socket, asio::redirect_error(use_io_awaitable, error));
      if (error == asio::error::operation_aborted) break;
      if (error) {
        // Out of descriptors or memory: what is open goes on, and the pause keeps this loop from spinning.
        log_warning(fmt::format("accepting a connection failed: {}", error.message()));
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(use_io_awaitable, error));
        continue;
      }
      admit(worker, std::move(socket));
    }
  }

  void admit(Worker& worker, TcpSocket socket) {
    error_code unknown;
    const std::string client = socket.remote_endpoint(unknown).address().to_string();
    const bool too_many = connections_.fetch_add(1) >= options_.max_connections;
    const bool counted = !proxies_.trusts(client);
    if (too_many || (counted && !clients_.enter(client))) {
      refused_connections().add();
      ::send(socket.native_handle(), kRefusal.data(), kRefusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      connection_ended();
      return;
    }
    connections_gauge().add(1);
    asio::co_spawn(worker.context, serve(worker, std::move(socket), client),
                   [this, client, counted](const std::exception_ptr& thrown) {
                     report_exception("serving a connection")(thrown);
                     connections_gauge().add(-1);
                     if (counted) clients_.leave(client);
                     connection_ended();
                   });
  }

  Awaitable<void> serve(Worker& worker, TcpSocket socket, std::string client) {
    Session session(std::move(socket), tls_ == nullptr ? nullptr : tls_->current(), std::move(client), limits_, proxies_, handler_);
    const auto position = worker.sessions.insert(worker.sessions.end(), &session);
    struct Removal {
      Worker& worker;
      std::list<Session*>::iterator position;
      ~Removal() { worker.sessions.erase(position); }
    } removal{worker, position};
    if (stopping_.load()) session.finish();
    co_await session.run();
  }

  Awaitable<void> check_loop(Worker& worker) {
    Timer timer(worker.context);
    while (true) {
      timer.expires_after(kCheckInterval);
      error_code error;
      co_await timer.async_wait(asio::redirect_error(use_io_awaitable, error));
      const auto now = Session::Clock::now();
      for (Session* session : worker.sessions) session->check(now);
    }
  }

  void on_all_sessions(void (*visit)(Session&)) {
    for (auto& worker : workers_) {
      asio::post(worker->context, [&sessions = worker->sessions, visit] {
        for (Session* session : sessions) visit(*session);
      });
    }
  }

  void connection_ended() {
    const std::lock_guard lock(mutex_);
    connections_.fetch_sub(1);
    ended_.notify_all();
  }

  bool wait_for_sessions(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, patience, [this] { return connections_.load() == 0; });
  }

  const HttpServerOptions options_;
  const RequestHandler handler_;
  ClientCounts clients_;
  TrustedProxies proxies_;
  std::unique_ptr<TlsContext> tls_;  // null: plain HTTP
  SessionLimits limits_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Acceptor> acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      std::function<Awaitable<Response>(Request&)> handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  ORTHANT_TRY(impl->listen());
  impl->run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const {
  return impl_->port();
}
std::size_t HttpServer::connection_count() const {
  return impl_->connection_count();
}
void HttpServer::stop(std::chrono::milliseconds grace) {
  impl_->stop(grace);
}

}  // namespace orthant
