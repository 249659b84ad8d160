#pragma once
// Daemon: a running orthantd, as the commands talk to it. Owns one connection. One thread at a time.

#include <optional>
#include <string>
#include <string_view>

#include "api/http/client.h"
#include "api/json/json_reader.h"
#include "base/result.h"

namespace orthant {

inline constexpr std::string_view kDefaultUrl = "http://127.0.0.1:6333";

class Daemon {
 public:
  // Does not connect yet. invalid_argument for what is no http:// address.
  static Result<Daemon> at(std::string_view url);

  // The whole answer of a call that went well, as JSON. What the daemon refuses becomes an error with its words; when nobody
  // answers, the error says how to start the daemon.
  Result<JsonDocument> call(std::string_view method, std::string_view target, std::string_view body = {},
                            std::string_view content_type = "application/json");
  // The same for answers that are no JSON; `accept` is what is asked for.
  Result<HttpReply> call_raw(std::string_view method, std::string_view target, std::string_view body, std::string_view content_type,
                             std::string_view accept);
  // As call(), but nothing where the daemon answers 404.
  Result<std::optional<JsonDocument>> find(std::string_view target);
  Result<HttpReply> get_text(std::string_view target);

 private:
  Daemon(std::string url, HttpClient client);

  std::string url_;
  HttpClient client_;
};

// "/collections/{name}" with the name percent-encoded, then `rest`.
std::string collection_target(std::string_view name, std::string_view rest = {});

}  // namespace orthant
