// road_bench: what the road of a vector search over HTTP costs, in CPU time of the server's side, at k = 10. Everything runs in
// this process: CPU time of the process less that of the clients' threads. Beside it the same searches without HTTP (Engine::query
// from a thread), and the floor: a Beast server that answers the same bytes and does nothing (http_floor.h).
//   road_bench [--vectors FILE.npy] [--rows N] [--dim D] [--requests R] [--connections N]... [--rounds 5]
// Without a file: random rows. Prints a JSON line for each number of connections: least of the rounds, us of CPU a request.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <future>
#include <latch>
#include <map>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_context.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"
#include "api/routes.h"
#include "api/service/gate.h"
#include "base/npy.h"
#include "bench/http_floor.h"

namespace orthant {
namespace {

constexpr const char* kPath = "/collections/bench/points";

struct Options {
  std::string vectors;
  std::size_t rows = 20'000;
  std::size_t dim = 384;
  std::size_t requests = 20'000;
  std::size_t rounds = 5;
  std::vector<std::size_t> connections;
};

double cpu_us(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

FloatMatrix random_matrix(std::size_t rows, std::size_t dim) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  FloatMatrix matrix{rows, dim, std::vector<float>(rows * dim)};
  std::ranges::generate(matrix.values, [&] { return normal(random); });
  return matrix;
}

// A client's connection: as little as can be, so that its own cost is small and goes to its own thread.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The answer's body; empty unless its status is 200.
  std::string exchange(const std::string& request) {
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) std::abort();
    std::string answer;
    std::size_t wanted = std::string::npos;
    while (answer.size() < wanted) {
      char piece[16'384];
      const ssize_t count = ::recv(socket_, piece, sizeof piece, 0);
      if (count <= 0) std::abort();
      answer.append(piece, static_cast<std::size_t>(count));
      const std::size_t head = answer.find("\r\n\r\n");
      if (wanted != std::string::npos || head == std::string::npos) continue;
      const std::size_t length = answer.find("Content-Length: ");
      wanted = head + 4 + std::strtoull(answer.c_str() + length + 16, nullptr, 10);
    }
    return answer.starts_with("HTTP/1.1 200") ? answer.substr(answer.find("\r\n\r\n") + 4) : std::string();
  }

 private:
  int socket_;
};

std::string post(const std::string& path, const std::string& body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", path,
                     body.size(), body);
}

// us of CPU a call, of the process without the calling threads: `calls` in all, shared by `threads` threads. call(thread, i).
template <typename MakeCall>
double cost(std::size_t calls, std::size_t threads, MakeCall make_call) {
  std::vector<double> own(threads);
  std::latch ready(static_cast<std::ptrdiff_t>(threads + 1));
  std::latch done(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::jthread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      auto call = make_call();
      call(t);  // warm
      ready.arrive_and_wait();
      const double begin = cpu_us(CLOCK_THREAD_CPUTIME_ID);
      for (std::size_t i = t; i < calls; i += threads) call(i);
      own[t] = cpu_us(CLOCK_THREAD_CPUTIME_ID) - begin;
      done.count_down();
    });
  }
  ready.arrive_and_wait();
  const double begin = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
  done.wait();
  double spent = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - begin;
  for (const double us : own) spent -= us;
  return spent / static_cast<double>(calls);
}

class Road {
 public:
  explicit Road(const Options& options) : options_(options) {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("orthant-road-{}", getpid());
    context_.settings.models = {"none"};
    context_.settings.data_dir = directory_;
    context_.settings.threads = 1;
    engine_ = Engine::open(context_.settings).value();
    context_.engine = engine_.get();
    gate_ = std::make_unique<service::Gate>(context_);
    DispatcherOptions dispatching;
    dispatching.pool = [this]() -> ThreadPool* { return &engine_->request_pool(); };
    dispatching.admit = [this](const Route* route, Request& request) { return gate_->admit(route, request); };
    dispatcher_ = std::make_unique<Dispatcher>(make_router(context_), dispatching);
    HttpServerOptions serving;
    serving.io_threads = 1;
    server_ = HttpServer::start(serving, [this](Request& request) { return dispatcher_->handle(request); }).value();
  }
  ~Road() {
    server_->stop(std::chrono::seconds(1));
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }

  void fill(const FloatMatrix& matrix, std::size_t rows) {
    Connection connection(server_->port());
    std::string create =
        post("/collections/bench", fmt::format(R"({{"vectors":{{"size":{},"distance":"Cosine"}}}})", matrix.columns));
    create.replace(0, 4, "PUT");
    if (connection.exchange(create).empty()) std::abort();
    for (std::size_t row = 0; row < rows; row += 500) {
      std::string points;
      for (std::size_t i = row; i < std::min(rows, row + 500); ++i) {
        const float* values = matrix.values.data() + i * matrix.columns;
        points += fmt::format(R"({}{{"id":{},"vector":[{}]}})", points.empty() ? "" : ",", i,
                              fmt::join(values, values + matrix.columns, ","));
      }
      std::string upsert = post(std::string(kPath) + "?wait=true", fmt::format(R"({{"points":[{}]}})", points));
      upsert.replace(0, 4, "PUT");
      if (connection.exchange(upsert).empty()) std::abort();
    }
    for (std::size_t i = 0; i < 1'000; ++i) {
      const float* values = matrix.values.data() + (rows + i) % matrix.rows * matrix.columns;
      queries_.emplace_back(values, values + matrix.columns);
      bodies_.push_back(
          post(std::string(kPath) + "/query", fmt::format(R"({{"query":[{}],"limit":10}})", fmt::join(queries_.back(), ","))));
    }
    answer_ = connection.exchange(bodies_[0]);
  }

  void measure(std::size_t connections) {
    bench::HttpFloor floor(answer_);
    const std::string empty = "GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n";
    std::map<std::string, double> least;
    const auto take = [&](const std::string& name, double us) {
      const auto [entry, fresh] = least.try_emplace(name, us);
      if (!fresh) entry->second = std::min(entry->second, us);
    };
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      take("search", cost(options_.requests, connections, [&] { return [&](std::size_t i) { search(i); }; }));
      take("http_search", cost(options_.requests, connections, [&] { return exchanger(server_->port(), bodies_); }));
      take("http_livez", cost(options_.requests, connections, [&] { return exchanger(server_->port(), {empty}); }));
      take("floor", cost(options_.requests, connections, [&] { return exchanger(floor.port(), bodies_); }));
    }
    fmt::print(
        R"({{"connections":{},"rows":{},"dim":{},"us_cpu":{{"search":{:.1f},"http_search":{:.1f},"road":{:.1f},"floor":{:.1f},)"
        R"("http_livez":{:.1f}}},"request_bytes":{},"answer_bytes":{}}})"
        "\n",
        connections, options_.rows, queries_[0].size(), least["search"], least["http_search"],
        least["http_search"] - least["search"], least["floor"], least["http_livez"], bodies_[0].size(), answer_.size());
    std::fflush(stdout);
  }

 private:
  static std::function<void(std::size_t)> exchanger(std::uint16_t port, const std::vector<std::string>& requests) {
    auto connection = std::make_shared<Connection>(port);
    return [connection, &requests, held = requests.size() == 1 ? requests[0] : std::string()](std::size_t i) {
      if (connection->exchange(held.empty() ? requests[i % requests.size()] : held).empty()) std::abort();
    };
  }

  // As a handler asks for it, waited for on this thread.
  void search(std::size_t i) {
    QueryRequest query;
    query.query = VectorInput(queries_[i % queries_.size()]);
    std::vector<QueryRequest> all;
    all.push_back(std::move(query));
    std::promise<void> answered;
    engine_->query("bench", std::move(all), RequestContext(), [&](Result<std::vector<QueryResult>> result) {
      if (!result || (*result)[0].points.size() != 10) std::abort();
      answered.set_value();
    });
    answered.get_future().wait();
  }

  const Options& options_;
  std::filesystem::path directory_;
  ApiContext context_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<service::Gate> gate_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::vector<float>> queries_;
  std::vector<std::string> bodies_;
  std::string answer_;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::size_t number = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--vectors") options.vectors = argv[i + 1];
    if (name == "--rows") options.rows = number;
    if (name == "--dim") options.dim = number;
    if (name == "--requests") options.requests = number;
    if (name == "--rounds") options.rounds = number;
    if (name == "--connections") options.connections.push_back(number);
  }
  if (options.connections.empty()) options.connections = {1, 16, 256};
  return options;
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  using namespace orthant;
  const Options options = read_options(argc, argv);
  const FloatMatrix matrix =
      options.vectors.empty() ? random_matrix(options.rows + 1'000, options.dim) : read_npy_floats(options.vectors).value();
  Road road(options);
  road.fill(matrix, options.rows);
  for (const std::size_t connections : options.connections) road.measure(connections);
  return 0;
}
