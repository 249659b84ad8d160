#include "api/http/multipart.h"

#include <gtest/gtest.h>

#include "tests/api/http/run_awaitable.h"

namespace orthant {
namespace {

struct Taken {
  std::string name;
  std::string file_name;
  std::string content;
  bool operator==(const Taken&) const = default;
};

Awaitable<Result<std::vector<Taken>>> take_all(BodyReader& body, std::size_t out_bytes) {
  MultipartReader reader(body, "XX");
  std::vector<Taken> all;
  while (true) {
    const auto part = co_await reader.next_part();
    if (!part) co_return std::unexpected(part.error());
    if (!*part) co_return all;
    Taken taken{(*part)->name, (*part)->file_name, ""};
    std::string piece(out_bytes, '\0');
    while (true) {
      const auto count = co_await reader.read_some(piece);
      if (!count) co_return std::unexpected(count.error());
      if (*count == 0) break;
      taken.content += piece.substr(0, *count);
    }
    all.push_back(std::move(taken));
  }
}

Result<std::vector<Taken>> take(std::string text, std::size_t piece_bytes, std::size_t out_bytes = 7) {
  test::StringBody body(std::move(text), piece_bytes);
  return test::run_awaitable(take_all(body, out_bytes));
}

const std::string kBody =
    "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"a.snapshot\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\nline\r\n--X\r\n--not the boundary\r\n\r\n--XX\r\n"
    "content-disposition: form-data; name=empty\r\n\r\n\r\n--XX--\r\nepilogue";

TEST(Multipart, GivesTheSamePartsWhereverTheBodyIsCut) {
  const std::vector<Taken> expected = {{"snapshot", "a.snapshot", "line\r\n--X\r\n--not the boundary\r\n"}, {"empty", "", ""}};
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 64U, 1000U}) {
    for (const std::size_t out : {1U, 7U, 1000U}) {
      const auto taken = take(kBody, piece, out);
      ASSERT_TRUE(taken.has_value()) << taken.error().message;
      EXPECT_EQ(*taken, expected) << piece << " " << out;
    }
  }
}

TEST(Multipart, RefusesBodiesThatEndEarlyOrHaveEndlessHeads) {
  for (std::size_t length = 0; length < kBody.find("--XX--") + 6; length += 3) {
    EXPECT_FALSE(take(kBody.substr(0, length), 10).has_value()) << length;
  }
  EXPECT_FALSE(take("--XX\r\nA: " + std::string(100'000, 'a') + "\r\n\r\nb\r\n--XX--", 5000).has_value());
}

TEST(Multipart, ReadsTheBoundaryOfTheHeader) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc").value(), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b;c\"").value(), "a b;c");
  EXPECT_FALSE(multipart_boundary("multipart/form-data").has_value());
  EXPECT_FALSE(multipart_boundary("application/json; boundary=x").has_value());
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')).has_value());
}

}  // namespace
}  // namespace orthant
