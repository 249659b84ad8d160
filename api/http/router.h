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

// How errors look on the wire; each dialect has its own.
using ErrorStyle = Response (*)(const Error&);

struct Route {
  Method method;
  std::string pattern;
  Handler handler;
  ErrorStyle render_error;
  BodyUse body = BodyUse::kWhole;
};

class Router {
 public:
  // Parts without braces win over parts with them, whatever the order of adding.
  void add(Route route);

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
