#include "api/http/awaitable.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace orthant {
namespace {

using Timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

}  // namespace

Awaitable<IoThread> this_io_thread() {
  const IoExecutor executor = co_await boost::asio::this_coro::executor;
  co_return IoThread(executor);
}

Awaitable<void> pause_for(std::chrono::milliseconds duration) {
  const IoExecutor executor = co_await boost::asio::this_coro::executor;
  Timer timer(executor, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(use_io_awaitable, ignored));
}

}  // namespace orthant
