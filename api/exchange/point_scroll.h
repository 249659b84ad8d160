#pragma once
// PointScroll: all points of a collection of a running daemon, page after page by ascending id, the next page on its way while the
// caller works on one. Owns its connection; one thread at a time.

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/cli/daemon.h"
#include "api/exchange/vector_file.h"
#include "base/result.h"

namespace orthant {

// One vector of a collection, as GET /collections/{c} describes it.
struct VectorDescription {
  std::string name;
  IndexConfig config;        // dim, metric and form
  std::uint64_t points = 0;  // of the collection, about
};
// `wanted` empty: the unnamed vector, or the only one. not_found, or invalid_argument with the names there are.
Result<VectorDescription> describe_vector(Daemon& daemon, const std::string& collection, const std::string& wanted);

// Whether the collection has points whose id is a UUID.
Result<bool> has_uuid_points(Daemon& daemon, const std::string& collection, const std::string& filter);

struct ScrollOptions {
  std::string collection;
  std::string filter;  // JSON; empty: none
  std::size_t page = 256;
  bool with_payload = true;
  std::vector<std::string> fields{};  // of the payload; empty: all
  // The vector to give out; nothing: payloads alone.
  std::optional<VectorDescription> vector{};
};

class PointScroll {
 public:
  PointScroll(Daemon daemon, ScrollOptions options);
  // Waits for a page that is on its way.
  ~PointScroll();
  PointScroll(const PointScroll&) = delete;  // the page on its way comes to this place
  PointScroll& operator=(const PointScroll&) = delete;

  // Ids, payloads with the source text as `text`, and floats of the points that have the vector. No rows at the end.
  Result<VectorRows> next();
  // Points so far that lack the vector.
  std::uint64_t without_vector() const { return without_vector_; }

 private:
  Result<HttpReply> fetch(const std::string& offset);
  void start(std::string offset);
  // Both start the next page.
  Result<VectorRows> parse_vectors(const HttpReply& page);
  Result<VectorRows> parse_payloads(std::string page);

  Daemon daemon_;
  const ScrollOptions options_;
  std::optional<std::future<Result<HttpReply>>> page_;
  std::uint64_t without_vector_ = 0;
};

}  // namespace orthant
