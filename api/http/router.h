#pragma once
// Router: the table of routes from which everything is served. A pattern is a path whose parts in braces match any one part:
// "/collections/{collection}/points". Filled at start, then read by any thread.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace orthant {

using Handler = std::function<Awaitable<Response>(Request&)>;

enum class BodyUse {
  kWhole,   // read, bounded and decompressed before the handler runs: Request::content
  kStream,  // the handler reads Request::body itself
};

// What a route asks of the key of a request.
enum class RouteAccess {
  kManage,          // everything; what a route gets that nobody has thought about
  kFree,            // no key at all
  kAny,             // any key; the answer holds only what it may see
  kReadAll,         // not limited to collections
  kReadCollection,  // the {collection} of the path
  kReadWhole,       // the same, and not with rights to its points alone
  kWritePoints,
  kWriteCollection,  // indexes and snapshots of it too
};

// How errors look on the wire; each dialect has its own.
using ErrorStyle = Response (*)(const Error&);

struct Route {
  Method method;
  std::string pattern;
  Handler handler;
  ErrorStyle render_error;
  BodyUse body = BodyUse::kWhole;
  RouteAccess access = RouteAccess::kManage;
};

class Router {
 public:
  // Parts without braces win over parts with them, whatever the order of adding.
  void add(Route route);

  // Gives every route the access that `choose` says.
  void set_access(const std::function<RouteAccess(const Route&)>& choose) {
    for (Route& route : routes_) route.access = choose(route);
  }

  // Null when nothing matches; else sets request.path_values. HEAD finds GET's routes.
  const Route* match(Request& request) const;
  // Methods that the request's path would allow, for 405 and OPTIONS; empty when the path is unknown.
  std::vector<Method> allowed_methods(const Request& request) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Entry {
    std::vector<std::string> parts;
    std::size_t route;
  };
  static bool fits(const Entry& entry, const std::vector<std::string>& segments);

  std::vector<Route> routes_;
  std::map<std::size_t, std::vector<Entry>> entries_by_length_;
};

}  // namespace orthant
