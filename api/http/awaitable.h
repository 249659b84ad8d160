#pragma once
// Coroutines of the io threads. Each io thread has an io_context of its own, a session lives on one of them, and so nothing in a
// session needs a lock. Blocking or long work goes to a thread pool and comes back by await_done() or run_on().
//
// GCC 12 destroys some temporaries of an awaiting expression twice. Hence: closures and other arguments with destructors get a name
// before they are passed to what is awaited, and `?:` never awaits.

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"
#include "base/thread_pool.h"

namespace orthant {

using IoExecutor = boost::asio::io_context::executor_type;
template <typename T = void>
using Awaitable = boost::asio::awaitable<T, IoExecutor>;
using UseAwaitable = boost::asio::use_awaitable_t<IoExecutor>;
inline constexpr UseAwaitable use_io_awaitable{};

template <typename T>
using Completion = std::move_only_function<void(T)>;

// Calls start(done) at once, suspends until `done` is called (once, from any thread), and resumes on the coroutine's io thread.
// What is left of `done` after the call touches the io thread no more: it may outlive the server.
template <typename T, typename Start>
Awaitable<T> await_done(Start start) {
  UseAwaitable token;
  return boost::asio::async_initiate<UseAwaitable, void(T)>(
      [](auto handler, Start begin) {
        auto executor = boost::asio::get_associated_executor(handler);
        begin(Completion<T>([executor, handler = std::move(handler)](T value) mutable {
          boost::asio::post(executor,
                            [handler = std::move(handler), value = std::move(value)]() mutable { handler(std::move(value)); });
        }));
      },
      token, std::move(start));
}

// Runs `work` on the pool and gives its Result<T>; the pool's own refusal (resource_exhausted) is returned likewise.
template <typename T, typename Work>
Awaitable<Result<T>> run_on(ThreadPool& pool, Work work) {
  return await_done<Result<T>>([&pool, work = std::move(work)](Completion<Result<T>> done) mutable {
    auto shared = std::make_shared<Completion<Result<T>>>(std::move(done));
    Status accepted = pool.submit([shared, work = std::move(work)]() mutable { (*shared)(work()); });
    if (!accepted) (*shared)(std::unexpected(accepted.error()));
  });
}

// Where a coroutine runs: lets other threads hand work back to it. A small value.
class IoThread {
 public:
  explicit IoThread(IoExecutor executor) : executor_(executor) {}
  // From any thread.
  template <typename Work>
  void post(Work work) const {
    boost::asio::post(executor_, std::move(work));
  }

 private:
  IoExecutor executor_;
};
Awaitable<IoThread> this_io_thread();

Awaitable<void> pause_for(std::chrono::milliseconds duration);

}  // namespace orthant
