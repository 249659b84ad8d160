#pragma once
// Operations on payload texts. A payload is the text of one JSON object and stays as it was given: what an operation does not touch
// (big integers, 1.0, 1e400, escapes, order of keys) is copied byte for byte. All functions may be called from any thread and own
// nothing. Apart from validate_payload they expect valid payloads and answer data_corruption for texts that cannot be walked.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/payload/json_path.h"

namespace orthant {

// Objects and arrays inside one another.
inline constexpr std::size_t kMaxPayloadDepth = 128;

// Checks the whole text: one JSON object, nothing before it, only space after it, UTF-8, escapes without lone surrogates, depth.
// Numbers of any size are valid. invalid_argument says what is wrong and at which byte.
Status validate_payload(std::string_view text);

// `changes` (a payload) merged into `payload` at the top level: its keys replace or are appended; a null removes the key.
Result<std::string> merge_payload(std::string_view payload, std::string_view changes);

// The same below `key`: objects on the way are made where they are missing or something else stands there; elements of arrays are
// never added. With [] every element is merged into.
Result<std::string> merge_payload_at(std::string_view payload, const JsonPath& key, std::string_view changes);

// Without what the paths name. Unknown paths change nothing; a path that ends in an index changes nothing (it would not be
// repeatable); one that ends in [] empties the array.
Result<std::string> delete_payload_keys(std::string_view payload, std::span<const JsonPath> keys);

// PayloadProjection: the part of payloads that a reader asked for. Made once per request; may be used from many threads at once.
class PayloadProjection {
 public:
  // Paths to keep (empty: everything) and paths to leave out. invalid_argument when one is no path.
  static Result<PayloadProjection> make(std::span<const std::string> include, std::span<const std::string> exclude);
  PayloadProjection(PayloadProjection&&) noexcept;
  PayloadProjection& operator=(PayloadProjection&&) noexcept;
  ~PayloadProjection();

  // Applies to the elements of an array only where the path says [].
  Result<std::string> apply(std::string_view payload) const;

 private:
  struct Trees;
  explicit PayloadProjection(std::unique_ptr<const Trees> trees);
  std::unique_ptr<const Trees> trees_;
};

}  // namespace orthant
