#pragma once
// RawConnection: a socket that sends exactly the bytes it is told to, for tests of what well-behaved clients never do.

#include <chrono>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace orthant::test {

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawConnection() { close(); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void set_blocking(bool blocking) {
    const int flags = fcntl(socket_, F_GETFL);
    fcntl(socket_, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
  }
  // What the socket takes now.
  std::size_t send_some(std::string_view bytes) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  void finish_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  // A reset instead of an orderly end.
  void reset() {
    const linger abrupt{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
    close();
  }

  // All bytes until the server closes, or until nothing came for `patience`.
  std::string read_to_end(std::chrono::milliseconds patience = std::chrono::seconds(5)) {
    std::string all;
    while (read_more(all, patience)) {
    }
    return all;
  }
  // Bytes until `mark` stands in them (or the end).
  std::string read_until(std::string_view mark, std::chrono::milliseconds patience = std::chrono::seconds(5)) {
    std::string all;
    while (!all.contains(mark) && read_more(all, patience)) {
    }
    return all;
  }
  // The server has closed its side; what came before is dropped.
  bool closed_within(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::string dropped;
    while (std::chrono::steady_clock::now() < end) {
      pollfd waiting{socket_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      if (!read_more(dropped, std::chrono::milliseconds(20))) return true;
    }
    return false;
  }

 private:
  bool read_more(std::string& all, std::chrono::milliseconds patience) {
    pollfd waiting{socket_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return false;
    char piece[4096];
    const ssize_t count = ::recv(socket_, piece, sizeof piece, 0);
    if (count <= 0) return false;
    all.append(piece, static_cast<std::size_t>(count));
    return true;
  }

  int socket_;
  bool connected_ = false;
};

}  // namespace orthant::test
