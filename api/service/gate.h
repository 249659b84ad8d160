#pragma once
// Gate: who may pass. Limits the rate of each client, finds out who sends a request by its key or token, and holds the route's
// access against what the key allows. Safe from any thread; the context must outlive it.

#include <optional>

#include "api/api_context.h"
#include "api/http/dispatcher.h"
#include "api/service/json_web_token.h"
#include "api/service/rate_limiter.h"

namespace orthant::service {

class Gate {
 public:
  explicit Gate(const ApiContext& context);

  // Before the body: the answer that refuses, or nothing. Sets request.grants and request.caller.
  Awaitable<std::optional<Response>> admit(const Route* route, Request& request);
  // With the body: what a request with rights to some collections only says about others.
  std::optional<Response> admit_content(const Route& route, const Request& request) const;

 private:
  std::optional<Response> limit_rate(const Route* route, const Request& request);
  Awaitable<std::optional<Response>> authenticate(Request& request) const;
  Awaitable<std::optional<Response>> believe_token(std::string_view token, Request& request) const;
  Awaitable<std::optional<Response>> check_value_exists(const ValueExists& claim, const Request& request) const;
  Status authorize(const Route& route, const Request& request) const;
  bool has_keys() const;

  const ApiContext& context_;
  RateLimiter limiter_;
};

}  // namespace orthant::service
