#pragma once
// Parquet's encodings of values and levels. Source: apache/parquet-format, Encodings.md. Bytes are not trusted: every function
// gives nothing where they do not hold what was asked for. Pure functions, any thread.

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "api/exchange/parquet_format.h"

namespace orthant {

// Values of one page that are not null. Texts point into the page or into `backing`.
struct PageValues {
  std::variant<std::vector<std::int64_t>, std::vector<float>, std::vector<double>, std::vector<std::string_view>> values;
  std::vector<char> backing{};  // of texts that do not stand in the page as they are; a vector, which keeps its place when moved
  std::size_t size() const;
};

// The hybrid of runs and bit-packed groups, `width` bits a value, at most 32.
std::optional<std::vector<std::uint32_t>> decode_hybrid(std::string_view bytes, unsigned width, std::size_t count);

// `count` values of `column`, in any encoding but those of dictionaries.
std::optional<PageValues> decode_values(const ParquetColumn& column, std::int32_t encoding, std::string_view bytes,
                                        std::size_t count);

// `count` places in `dictionary`, as kRleDictionary stores them, looked up.
std::optional<PageValues> decode_dictionary_values(const PageValues& dictionary, std::string_view bytes, std::size_t count);

}  // namespace orthant
