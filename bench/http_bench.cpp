// http_bench: latency and throughput of POST /collections/{c}/points/query of a running orthantd, at a number of keep-alive
// connections, one thread each. Bounded in requests. Prints one JSON line.
//   http_bench --port P --collection C --connections N --requests R (--texts FILE.jsonl | --vectors FILE.npy) [--limit K]
//              [--idle N] [--pid P]
// The texts file is BEIR's queries.jsonl or one text a line. --idle opens so many connections more, which have asked once and then
// stay silent; with --pid, the daemon's, the line says what its memory was before and with them, and its CPU time a request.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "base/npy.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

struct Options {
  std::map<std::string, std::string> given;

  std::string get(const std::string& name, const std::string& fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  }
  std::size_t number(const std::string& name, std::size_t fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : std::strtoull(found->second.c_str(), nullptr, 10);
  }
};

// The JSON string after "text": in a line of queries.jsonl, quotes included; other lines are quoted.
std::string json_text_of(const std::string& line) {
  const std::size_t key = line.find("\"text\":");
  if (!line.starts_with('{') || key == std::string::npos) return fmt::format("\"{}\"", line);
  const std::size_t begin = line.find('"', key + 7);
  std::size_t end = begin + 1;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return line.substr(begin, end - begin + 1);
}

std::vector<std::string> text_bodies(const std::string& file, std::size_t limit) {
  std::vector<std::string> bodies;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    bodies.push_back(fmt::format(R"({{"query":{{"text":{}}},"limit":{}}})", json_text_of(line), limit));
  }
  return bodies;
}

std::vector<std::string> vector_bodies(const std::string& file, std::size_t limit) {
  const orthant::Result<orthant::FloatMatrix> matrix = orthant::read_npy_floats(file);
  if (!matrix) {
    fmt::print(stderr, "{}\n", matrix.error().message);
    std::exit(1);
  }
  std::vector<std::string> bodies;
  for (std::size_t row = 0; row < matrix->rows; ++row) {
    const float* values = matrix->values.data() + row * matrix->columns;
    bodies.push_back(fmt::format(R"({{"query":[{}],"limit":{}}})", fmt::join(values, values + matrix->columns, ","), limit));
  }
  return bodies;
}

// One connection: takes request numbers until they run out, keeps its latencies in microseconds.
std::vector<double> run_connection(const Options& options, const std::vector<std::string>& bodies, std::atomic<std::size_t>& next,
                                   std::size_t requests, std::atomic<std::size_t>& failures) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(options.number("port", 6333))});
  socket.set_option(asio::ip::tcp::no_delay(true));
  http::request<http::string_body> request(http::verb::post, "/collections/" + options.get("collection", "bench") + "/points/query",
                                           11);
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::content_type, "application/json");
  beast::flat_buffer buffer;
  std::vector<double> latencies;
  for (std::size_t number; (number = next.fetch_add(1)) < requests;) {
    request.body() = bodies[number % bodies.size()];
    request.prepare_payload();
    const auto begin = Clock::now();
    http::write(socket, request);
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    latencies.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    if (response.result_int() != 200 && failures.fetch_add(1) == 0) fmt::print(stderr, "{}\n", response.body());
  }
  return latencies;
}

// Connections that have asked once. Kept open until destroyed.
std::vector<asio::ip::tcp::socket> open_idle(asio::io_context& io, const Options& options) {
  std::vector<asio::ip::tcp::socket> sockets;
  const std::string request = "GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n";
  for (std::size_t i = 0; i < options.number("idle", 0); ++i) {
    asio::ip::tcp::socket& socket = sockets.emplace_back(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(options.number("port", 6333))});
    asio::write(socket, asio::buffer(request));
    char answer[512];
    socket.read_some(asio::buffer(answer));
  }
  return sockets;
}

// KiB; 0 without --pid.
std::size_t resident_kib(const Options& options) {
  std::ifstream file("/proc/" + options.get("pid", "none") + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

// User and system time in seconds; 0 without --pid.
double cpu_seconds(const Options& options) {
  std::ifstream file("/proc/" + options.get("pid", "none") + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(text.substr(name_end + 2));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  // utime and stime are fields 14 and 15 of proc(5); the first of `fields` is the third.
  return (std::strtod(fields[11].c_str(), nullptr) + std::strtod(fields[12].c_str(), nullptr)) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

double quantile(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) options.given[std::string(argv[i]).substr(2)] = argv[i + 1];
  const std::size_t limit = options.number("limit", 10);
  const std::vector<std::string> bodies = options.given.contains("vectors") ? vector_bodies(options.get("vectors", ""), limit)
                                                                            : text_bodies(options.get("texts", ""), limit);
  if (bodies.empty()) {
    fmt::print(stderr, "http_bench: no queries; give --texts FILE or --vectors FILE\n");
    return 1;
  }
  const std::size_t memory_before = resident_kib(options);
  asio::io_context idle_io;
  const std::vector<asio::ip::tcp::socket> idle = open_idle(idle_io, options);
  std::this_thread::sleep_for(std::chrono::milliseconds(idle.empty() ? 0 : 500));
  const std::size_t memory_with_idle = resident_kib(options);
  const double cpu_before = cpu_seconds(options);
  const std::size_t connections = options.number("connections", 1);
  const std::size_t requests = options.number("requests", 1000);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> failures{0};
  std::vector<std::vector<double>> latencies(connections);
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < connections; ++i) {
      threads.emplace_back([&, i] { latencies[i] = run_connection(options, bodies, next, requests, failures); });
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  fmt::print(R"({{"connections":{},"requests":{},"failures":{},"requests_per_second":{:.1f},"p50_us":{:.1f},"p99_us":{:.1f},)"
             R"("idle":{},"rss_kib":[{},{}],"server_cpu_us":{:.1f}}})"
             "\n",
             connections, all.size(), failures.load(), static_cast<double>(all.size()) / seconds, quantile(all, 0.5),
             quantile(all, 0.99), idle.size(), memory_before, memory_with_idle,
             (cpu_seconds(options) - cpu_before) * 1e6 / static_cast<double>(all.size()));
  return failures.load() == 0 ? 0 : 1;
}
