// Sums and differences of integers are exact, whatever their width, sign and number.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/numeric.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "cpp/numeric/cases.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

__extension__ using Wide = __int128;

Wide wide(const numeric::Integer& value) {
  return (static_cast<Wide>(value.high) << 64) + static_cast<Wide>(value.low);
}

template <class T>
class NumericIntegers : public testing::Test {
 protected:
  static std::vector<T> random(std::size_t count, unsigned seed) {
    std::mt19937_64 generator(seed);
    std::vector<T> numbers(count);
    for (T& x : numbers) x = static_cast<T>(generator());
    return numbers;
  }
};

using Types = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t,
                             std::int16_t, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(NumericIntegers, Types);

TYPED_TEST(NumericIntegers, SumIsExactForEveryLengthAroundAVector) {
  for (std::size_t count = 0; count < 200; ++count) {
    const auto numbers = this->random(count, static_cast<unsigned>(count));
    Wide expected = 0;
    for (const TypeParam x : numbers) expected += x;
    const auto total = numeric::sum(in_a_row(numbers).view());
    EXPECT_TRUE(wide(integer_of(total)) == expected) << count;
    EXPECT_EQ(total.count, static_cast<std::int64_t>(count));
  }
}

TYPED_TEST(NumericIntegers, TheLargestAndTheSmallestDoNotWrap) {
  constexpr std::size_t kCount = 200'003;
  for (const TypeParam extreme :
       {std::numeric_limits<TypeParam>::max(), std::numeric_limits<TypeParam>::min()}) {
    const std::vector<TypeParam> numbers(kCount, extreme);
    EXPECT_TRUE(wide(integer_of(numeric::sum(in_a_row(numbers).view()))) ==
                static_cast<Wide>(extreme) * kCount);
    EXPECT_EQ(numeric::mean(numeric::sum(in_a_row(numbers).view())), static_cast<double>(extreme));
  }
}

TYPED_TEST(NumericIntegers, DifferencesAreExact) {
  auto a = this->random(70'003, 1);
  auto b = this->random(70'003, 2);
  a[0] = b[1] = std::numeric_limits<TypeParam>::max();
  a[1] = b[0] = std::numeric_limits<TypeParam>::min();
  Wide expected = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Wide difference = static_cast<Wide>(a[i]) - static_cast<Wide>(b[i]);
    expected += difference < 0 ? -difference : difference;
  }
  EXPECT_TRUE(wide(integer_of(numeric::absolute_difference(in_a_row(a).view(), in_a_row(b).view()))) ==
              expected);
}

TEST(NumericBool, EveryByteButZeroCountsAsOne) {
  const std::vector<std::uint8_t> bytes = {0, 1, 2, 255, 0, 1};
  Laid flags = in_a_row(bytes);
  flags.type = numeric::Type::Bool;
  EXPECT_EQ(integer_of(numeric::sum(flags.view())).low, 4U);
  const std::vector<std::uint8_t> other = {1, 1, 1, 0, 0, 0};
  Laid others = in_a_row(other);
  others.type = numeric::Type::Bool;
  EXPECT_EQ(integer_of(numeric::absolute_difference(flags.view(), others.view())).low, 3U);
}

TEST(NumericMean, OfIntegersIsRoundedOnce) {
  const auto mean_of = [](std::int64_t high, std::uint64_t low, std::int64_t count) {
    return numeric::mean({.value = numeric::Integer{high, low}, .count = count});
  };
  EXPECT_EQ(mean_of(0, 10, 4), 2.5);
  EXPECT_EQ(mean_of(-1, static_cast<std::uint64_t>(-10), 4), -2.5);
  EXPECT_EQ(mean_of(0, 1, 3), 1.0 / 3.0);
  EXPECT_EQ(mean_of(1, 0, 1), 0x1p64);
  EXPECT_EQ(mean_of(1, 0, 3), 0x1p64 / 3);
  // 2^53 + 1 lies half-way between two doubles; a third more than that does not.
  EXPECT_EQ(mean_of(0, (std::uint64_t{1} << 53) + 1, 1), 0x1p53);
  EXPECT_EQ(mean_of(0, 3 * ((std::uint64_t{1} << 53) + 1) + 1, 3), 0x1p53 + 2);
  EXPECT_EQ(mean_of(0, 0, 5), 0.0);
}

}  // namespace
}  // namespace freshframe::test
