#pragma once
// StrictGate: where requests to a collection in strict mode are checked before their handler sees them. A collection without it
// costs a look at one atomic. Knows the configurations of all collections in strict mode; told when one may have changed. Safe from
// any io thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api/api_context.h"
#include "api/qdrant/strict_mode.h"

namespace orthant::qdrant {

// What a route does, as far as strict mode cares.
enum class StrictUse {
  kNone,
  kRead,
  kWrite,          // by the operation's name, "batch" for a list of them
  kNewFieldIndex,  // counts as a write
  kConfiguration,  // may change configurations: looked at again afterwards
};
struct StrictRule {
  StrictUse use = StrictUse::kNone;
  std::string_view operation = {};
};
// By method and the pattern's end after "/collections/{collection}".
StrictRule strict_rule(Method method, std::string_view pattern);

class StrictGate {
 public:
  // Checks, then `next`; an error's answer otherwise.
  Awaitable<Response> pass(Engine& engine, Request& request, StrictRule rule, const Handler& next);

 private:
  Awaitable<Response> check_and_pass(Engine& engine, Request& request, StrictRule rule, Handler next,
                                     std::shared_ptr<const StrictMode> mode);
  Awaitable<Response> pass_and_reload(Engine& engine, Request& request, Handler next);
  std::shared_ptr<const StrictMode> find(Engine& engine, std::string_view name);
  void load_all(Engine& engine);
  void reload(Engine& engine, const std::string& name);

  // Counts the times that all configurations have to be looked at, and the last of them that was done.
  std::atomic<std::uint64_t> wanted_{1};
  std::atomic<std::uint64_t> loaded_{0};
  std::mutex loading_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<StrictMode>, std::less<>> modes_;  // guarded by mutex_
};

}  // namespace orthant::qdrant
