#pragma once
// Result<T>: the only way a failure travels in Orthant. A value, or an Error that says who must act.
// Thread-safe as values are: each object belongs to one thread at a time.

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace orthant {

// Grouped by who must act. Values are not stored anywhere, names are shown to users.
enum class ErrorCode {
  // The caller, by changing the request.
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  // The caller, by trying again later.
  kResourceExhausted,
  kDeadlineExceeded,
  kCancelled,
  kUnavailable,
  // The operator.
  kIoError,
  kDataCorruption,
  // Us: a fault in Orthant.
  kInternal,
};

std::string_view error_code_name(ErrorCode code);

// The message names the thing, what was found and what was expected; it is written for people.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <typename T = void>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}
inline std::unexpected<Error> invalid_argument(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}
inline std::unexpected<Error> not_found(std::string message) {
  return fail(ErrorCode::kNotFound, std::move(message));
}
inline std::unexpected<Error> io_error(std::string message) {
  return fail(ErrorCode::kIoError, std::move(message));
}
inline std::unexpected<Error> data_corruption(std::string message) {
  return fail(ErrorCode::kDataCorruption, std::move(message));
}
inline std::unexpected<Error> internal_error(std::string message) {
  return fail(ErrorCode::kInternal, std::move(message));
}

// "context: message", the code kept.
inline std::unexpected<Error> with_context(std::string_view context, Error error) {
  error.message = std::string(context) + ": " + error.message;
  return std::unexpected<Error>(std::move(error));
}

// Drops an error on purpose; the reason makes the place searchable.
template <typename T>
void ignore_error(const Result<T>& /*result*/, std::string_view /*reason*/) {}

namespace detail {
template <typename T>
T take_value(Result<T>&& result) {
  if constexpr (std::is_void_v<T>) {
    return;
  } else {
    return std::move(*result);
  }
}
}  // namespace detail

}  // namespace orthant

// auto value = ORTHANT_TRY(expression);  returns the error from the enclosing function, or yields the value.
// Not for coroutines (they cannot `return`).
#define ORTHANT_TRY(...) ORTHANT_TRY_NAMED(ORTHANT_CONCAT(orthant_try_result_, __COUNTER__), __VA_ARGS__)

// Each use names its own variable, so that one ORTHANT_TRY may stand inside the expression of another (in a lambda) without
// shadowing.
#define ORTHANT_CONCAT(left, right) ORTHANT_CONCAT_EXPANDED(left, right)
#define ORTHANT_CONCAT_EXPANDED(left, right) left##right
#define ORTHANT_TRY_NAMED(name, ...)                                                          \
  __extension__({                                                                             \
    auto name = (__VA_ARGS__);                                                                \
    if (!name.has_value()) return std::unexpected<::orthant::Error>(std::move(name).error()); \
    ::orthant::detail::take_value(std::move(name));                                           \
  })
