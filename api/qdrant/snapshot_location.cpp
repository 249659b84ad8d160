#include "api/qdrant/snapshot_location.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "api/http/client.h"
#include "api/http/message.h"
#include "api/qdrant/envelope.h"

namespace orthant::qdrant {
namespace {

constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kHttpScheme = "http://";

Result<SnapshotLocation> parse_file(std::string_view rest, const SnapshotFolder& folder) {
  const std::string_view host = rest.substr(0, rest.find('/'));
  if (host.size() == rest.size() || (!host.empty() && host != "localhost")) {
    return bad_request("Invalid snapshot URI, file path must be absolute or on localhost");
  }
  const auto decoded = percent_decode(rest.substr(host.size()), false);
  if (!decoded || decoded->contains('\0')) return bad_request("Invalid snapshot URI, it is not percent-encoded correctly");
  const std::filesystem::path file(*decoded);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return bad_request(fmt::format("Snapshot file \"{}\" does not exist", *decoded));
  if (!folder.holds(file)) {
    return bad_request(fmt::format("Snapshot file path must be inside the snapshots directory: {}", folder.root().string()));
  }
  return SnapshotLocation(file);
}

Result<SnapshotLocation> parse_http(std::string_view rest) {
  const std::size_t slash = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, slash);
  std::string_view target = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  target = target.substr(0, target.find('#'));
  const bool plain = !authority.empty() && !authority.contains('@') && target.starts_with('/') &&
                     target.find_first_of(std::string_view(" \r\n\t\0", 5)) == std::string_view::npos;
  if (!plain) return bad_request("Invalid snapshot URI, expected http://host:port/path");
  const bool has_port =
      authority.find(':', authority.find(']') == std::string_view::npos ? 0 : authority.find(']')) != std::string_view::npos;
  return SnapshotLocation(HttpLocation{fmt::format("http://{}{}", authority, has_port ? "" : ":80"), std::string(target)});
}

}  // namespace

Result<SnapshotLocation> parse_location(std::string_view text, const SnapshotFolder& folder) {
  if (text.starts_with(kFileScheme)) return parse_file(text.substr(kFileScheme.size()), folder);
  if (text.starts_with(kHttpScheme)) return parse_http(text.substr(kHttpScheme.size()));
  if (text.starts_with("https://")) {
    return bad_request("https:// locations are not fetched by this server: fetch the file and upload it, or serve it over http://");
  }
  return bad_request(fmt::format("Invalid snapshot URI '{}', expected file:// or http://", text));
}

Status fetch_snapshot(const HttpLocation& location, const std::string& api_key, const std::filesystem::path& file) {
  const auto unreachable = [&](std::string_view what) {
    return bad_request(fmt::format("Failed to download snapshot from {}{}: {}", location.base, location.target, what));
  };
  auto client = HttpClient::create(location.base, {.io_timeout = std::chrono::seconds(60)});
  if (!client) return unreachable(client.error().message);
  std::ofstream out(file, std::ios::binary);
  const auto full = [&]() { return io_error(fmt::format("{}: {}", file.string(), std::strerror(errno))); };
  if (!out) return full();
  const auto take = [&](std::string_view piece) -> Status {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return out ? Status() : full();
  };
  HttpHeaderList headers;
  if (!api_key.empty()) headers.emplace_back("api-key", api_key);
  const auto reply = client->download(location.target, take, headers);
  if (!reply && reply.error().code == ErrorCode::kIoError) return std::unexpected<Error>(reply.error());
  if (!reply) return unreachable(reply.error().message);
  if (!reply->ok()) return unreachable(fmt::format("status {}", reply->status));
  out.close();
  return out ? Status() : full();
}

}  // namespace orthant::qdrant
