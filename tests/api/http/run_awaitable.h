#pragma once
// Runs a handler's coroutine to its end on a context of its own: no sockets. Also a body that comes from a string in pieces.

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "api/http/message.h"

namespace orthant::test {

template <typename T>
T run_awaitable(Awaitable<T> coroutine) {
  boost::asio::io_context context;
  std::optional<T> result;
  std::exception_ptr thrown;
  // While the coroutine waits for another thread, the context has nothing to do and must not end.
  auto work = boost::asio::make_work_guard(context);
  boost::asio::co_spawn(context, std::move(coroutine), [&](const std::exception_ptr& exception, T value) {
    thrown = exception;
    work.reset();
    if (!exception) result = std::move(value);
  });
  context.run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

class StringBody : public BodyReader {
 public:
  // `piece_bytes` at a time. With `broken` the connection is lost at the end of the text.
  explicit StringBody(std::string text, std::size_t piece_bytes = 1 << 20, bool broken = false)
      : text_(std::move(text)), piece_bytes_(piece_bytes), broken_(broken) {}

  Awaitable<Result<std::size_t>> read_some(std::span<char> out) override {
    const std::size_t count = std::min({out.size(), piece_bytes_, text_.size() - used_});
    if (count == 0 && broken_) co_return fail(ErrorCode::kCancelled, "the connection ended within the request's body");
    text_.copy(out.data(), count, used_);
    used_ += count;
    co_return count;
  }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

 private:
  std::string text_;
  std::size_t used_ = 0;
  std::size_t piece_bytes_;
  bool broken_;
};

}  // namespace orthant::test
