#include "api/http/content_coding.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include "base/ascii_case.h"

namespace orthant {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
constexpr int kZlibOrGzip = 15 + 32;  // zlib looks at the header itself
constexpr int kWriteGzip = 15 + 16;
// A frame that wants a larger window is refused: 8 MiB is what RFC 9659 allows over HTTP.
constexpr int kZstdWindowLogMax = 23;
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// "gzip;q=0" forbids gzip. Any other weight counts as allowed.
bool weight_is_zero(std::string_view parameters) {
  const std::size_t equals = parameters.find("q=");
  if (equals == std::string_view::npos) return false;
  double weight = 1;
  const std::string_view number = trimmed(parameters.substr(equals + 2));
  std::from_chars(number.data(), number.data() + number.size(), weight);
  return weight == 0;
}

struct FreeZstdContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Result<std::string> compress_gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kWriteGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return internal_error("gzip: cannot start");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return internal_error("gzip: the answer did not fit its bound");
  return out;
}

Result<std::string> compress_zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  if (ZSTD_isError(size)) return internal_error(fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  out.resize(size);
  return out;
}

}  // namespace

std::string_view content_coding_name(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::kIdentity: return "identity";
    case ContentCoding::kGzip: return "gzip";
    case ContentCoding::kDeflate: return "deflate";
    case ContentCoding::kZstd: return "zstd";
  }
  return "identity";
}

Result<ContentCoding> parse_content_coding(std::string_view header) {
  const std::string name = to_lower(trimmed(header));
  if (name.empty() || name == "identity") return ContentCoding::kIdentity;
  if (name == "gzip" || name == "x-gzip") return ContentCoding::kGzip;
  if (name == "deflate") return ContentCoding::kDeflate;
  if (name == "zstd") return ContentCoding::kZstd;
  return invalid_argument(fmt::format("Content-Encoding '{}' is not supported; gzip, deflate and zstd are", header));
}

ContentCoding choose_answer_coding(std::string_view accept_encoding) {
  bool gzip = false;
  bool zstd = false;
  while (!accept_encoding.empty()) {
    const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(accept_encoding.size(), item.size() + 1));
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string name = to_lower(trimmed(item.substr(0, semicolon)));
    if (weight_is_zero(item.substr(semicolon))) continue;
    gzip = gzip || name == "gzip" || name == "*";
    zstd = zstd || name == "zstd";
  }
  if (zstd) return ContentCoding::kZstd;
  return gzip ? ContentCoding::kGzip : ContentCoding::kIdentity;
}

class Decompressor::Impl {
 public:
  explicit Impl(ContentCoding coding) : coding_(coding) {
    if (coding == ContentCoding::kGzip || coding == ContentCoding::kDeflate) {
      ready_ = inflateInit2(&zlib_, kZlibOrGzip) == Z_OK;
    } else if (coding == ContentCoding::kZstd) {
      zstd_.reset(ZSTD_createDCtx());
      ready_ = zstd_ != nullptr && !ZSTD_isError(ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax));
    }
  }
  ~Impl() {
    if (coding_ == ContentCoding::kGzip || coding_ == ContentCoding::kDeflate) inflateEnd(&zlib_);
  }

  void feed(std::string_view input) { input_ = input; }
  bool at_end() const { return at_end_; }

  Result<std::size_t> read(std::span<char> out) {
    if (!ready_) return internal_error("the decompressor cannot start");
    switch (coding_) {
      case ContentCoding::kIdentity: return read_identity(out);
      case ContentCoding::kZstd: return read_zstd(out);
      default: return read_zlib(out);
    }
  }

 private:
  Result<std::size_t> read_identity(std::span<char> out) {
    const std::size_t count = input_.copy(out.data(), out.size());
    input_.remove_prefix(count);
    return count;
  }

  Result<std::size_t> read_zlib(std::span<char> out) {
    while (true) {
      if (input_.empty() && at_end_) return 0;
      if (at_end_ && inflateReset(&zlib_) != Z_OK) return internal_error("gzip: cannot start again");
      zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
      zlib_.avail_in = static_cast<uInt>(std::min(input_.size(), kPieceBytes));
      const uInt offered = zlib_.avail_in;
      zlib_.next_out = reinterpret_cast<Bytef*>(out.data());
      zlib_.avail_out = static_cast<uInt>(out.size());
      const int status = inflate(&zlib_, Z_NO_FLUSH);
      const uInt used = offered - zlib_.avail_in;
      input_.remove_prefix(used);
      const std::size_t produced = out.size() - zlib_.avail_out;
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return invalid_argument(fmt::format("the gzip data is damaged ({})", zlib_.msg == nullptr ? "unknown" : zlib_.msg));
      }
      at_end_ = status == Z_STREAM_END;
      if (produced != 0) return produced;
      if (input_.empty() || (used == 0 && !at_end_)) return 0;
    }
  }

  Result<std::size_t> read_zstd(std::span<char> out) {
    while (true) {
      ZSTD_inBuffer in{input_.data(), input_.size(), 0};
      ZSTD_outBuffer target{out.data(), out.size(), 0};
      const std::size_t rest = ZSTD_decompressStream(zstd_.get(), &target, &in);
      if (ZSTD_isError(rest)) return invalid_argument(fmt::format("the zstd data is damaged ({})", ZSTD_getErrorName(rest)));
      input_.remove_prefix(in.pos);
      // A call without input right after a frame's end asks for the next frame's header: still at the end.
      if (in.pos != 0 || target.pos != 0) at_end_ = rest == 0;
      if (target.pos != 0) return target.pos;
      if (input_.empty() || in.pos == 0) return 0;
    }
  }

  const ContentCoding coding_;
  bool ready_ = true;
  bool at_end_ = true;
  std::string_view input_;
  z_stream zlib_{};
  std::unique_ptr<ZSTD_DCtx, FreeZstdContext> zstd_;
};

Decompressor::Decompressor(ContentCoding coding) : impl_(std::make_unique<Impl>(coding)) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;
void Decompressor::feed(std::string_view input) {
  impl_->feed(input);
}
Result<std::size_t> Decompressor::read(std::span<char> out) {
  return impl_->read(out);
}
bool Decompressor::at_end() const {
  return impl_->at_end();
}

Result<std::string> decompress(ContentCoding coding, std::string_view bytes, std::size_t max_bytes) {
  Decompressor decompressor(coding);
  decompressor.feed(bytes);
  std::string out;
  while (true) {
    const std::size_t begin = out.size();
    out.resize(begin + kPieceBytes);
    const std::size_t count = ORTHANT_TRY(decompressor.read(std::span(out).subspan(begin)));
    out.resize(begin + count);
    if (out.size() > max_bytes) {
      return invalid_argument(fmt::format("the decompressed body is larger than allowed (limit: {} bytes)", max_bytes));
    }
    if (count == 0) break;
  }
  if (!decompressor.at_end()) {
    return invalid_argument(fmt::format("the {} data ends too early", content_coding_name(coding)));
  }
  return out;
}

Result<std::string> compress(ContentCoding coding, std::string_view bytes) {
  if (coding == ContentCoding::kGzip) return compress_gzip(bytes);
  if (coding == ContentCoding::kZstd) return compress_zstd(bytes);
  return invalid_argument("only gzip and zstd can be written");
}

}  // namespace orthant
