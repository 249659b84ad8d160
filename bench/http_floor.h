#pragma once
// A server that does nothing: Boost.Beast's own parser and serializer, a fixed answer, one io thread. The floor under what a road
// over HTTP can cost with Asio and Beast.

#include <string>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace orthant::bench {

class HttpFloor {
 public:
  explicit HttpFloor(std::string answer) : answer_(std::move(answer)), acceptor_(io_, {boost::asio::ip::tcp::v4(), 0}) {
    boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpFloor() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  using tcp = boost::asio::ip::tcp;

  boost::asio::awaitable<void> accept() {
    while (true) {
      tcp::socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      socket.set_option(tcp::no_delay(true));
      boost::asio::co_spawn(io_, serve(std::move(socket)), boost::asio::detached);
    }
  }

  boost::asio::awaitable<void> serve(tcp::socket socket) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    while (!error) {
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request, boost::asio::redirect_error(boost::asio::use_awaitable, error));
      if (error) break;
      http::response<http::string_body> response(http::status::ok, 11);
      response.set(http::field::content_type, "application/json");
      response.body() = answer_;
      response.prepare_payload();
      co_await http::async_write(socket, response, boost::asio::redirect_error(boost::asio::use_awaitable, error));
    }
  }

  const std::string answer_;
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::thread thread_;
};

}  // namespace orthant::bench
