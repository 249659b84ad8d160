// http_bench: latency and throughput of POST /collections/{c}/points/query of a running orthantd, at a number of keep-alive
// connections, one thread each. Bounded in requests. Prints one JSON line.
//   http_bench --port P --collection C --connections N --requests R (--texts FILE.jsonl | --vectors FILE.npy) [--limit K]
// The texts file is BEIR's queries.jsonl or one text a line.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
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
  fmt::print(R"({{"connections":{},"requests":{},"failures":{},"requests_per_second":{:.1f},"p50_us":{:.1f},"p99_us":{:.1f}}})"
             "\n",
             connections, all.size(), failures.load(), static_cast<double>(all.size()) / seconds, quantile(all, 0.5),
             quantile(all, 0.99));
  return failures.load() == 0 ? 0 : 1;
}
