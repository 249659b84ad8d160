#include "index/query_rotation.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

// Rounding moves a product by at most half a step of the one factor times the other's magnitudes, and the other way round.
TEST(QueryRotation, MultipliesWithinTheErrorOfItsSteps) {
  std::mt19937_64 random(test::random_seed());
  std::normal_distribution<float> normal;
  for (const auto& [rows, columns] : {std::pair{1u, 1u}, {3u, 2u}, {67u, 65u}, {384u, 192u}}) {
    Matrix rotation(rows, columns);
    for (std::size_t row = 0; row < rows; ++row) {
      for (float& value : rotation.row_values(row)) value = normal(random);
    }
    std::vector<float> query(rows);
    for (float& value : query) value = normal(random);
    const std::vector<float> rotated = QueryRotation(rotation).apply(query);
    ASSERT_EQ(rotated.size(), columns);
    for (std::size_t column = 0; column < columns; ++column) {
      double exact = 0, of_query = 0, of_column = 0, largest_query = 0, largest_column = 0;
      for (std::size_t k = 0; k < rows; ++k) {
        const double left = query[k], right = rotation.row(k)[column];
        exact += left * right;
        of_query += std::fabs(left);
        of_column += std::fabs(right);
        largest_query = std::max(largest_query, std::fabs(left));
        largest_column = std::max(largest_column, std::fabs(right));
      }
      const double bound = (largest_query * of_column + largest_column * of_query) / 254 * 1.02 + 1e-5;
      EXPECT_NEAR(rotated[column], exact, bound);
    }
  }
}

TEST(QueryRotation, TurnsNothingIntoNothing) {
  Matrix rotation(5, 5);
  for (std::size_t i = 0; i < 5; ++i) rotation.row(i)[i] = 1;
  EXPECT_EQ(QueryRotation(rotation).apply(std::vector<float>(5)), std::vector<float>(5));
}

}  // namespace
}  // namespace orthant
