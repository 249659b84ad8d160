#pragma once
// Which web pages may call (the Fetch standard's CORS protocol). Immutable, any thread.

#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace orthant {

class Cors {
 public:
  // "*" among them allows all pages; an empty list none.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  // Adds the headers of an answer to a request that names an allowed origin.
  void add_headers(const Request& request, Response& response) const;
  // The answer to a preflight or any other OPTIONS; headers of add_headers() not included.
  Response answer_options() const;

 private:
  const std::vector<std::string> origins_;
};

}  // namespace orthant
