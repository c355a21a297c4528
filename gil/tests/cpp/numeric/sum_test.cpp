// Sums of floating-point numbers: exact to the last bit, also with cancellation, overflow, NaN and infinity.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/numeric.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "cpp/fingerprint.hpp"
#include "cpp/numeric/cases.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kMax = std::numeric_limits<double>::max();

TEST(NumericSum, IsTheExactSumRoundedForEveryLengthAroundTheBlocks) {
  const std::vector<double> all = mixed(140'000, 6);
  for (const std::size_t count :
       {1U,    2U,    3U,    7U,    31U,   63U,    64U,    65U,    511U,    512U,   513U,
        2047U, 2048U, 2049U, 4096U, 5000U, 65535U, 65536U, 65537U, 131072U, 140000U}) {
    const std::vector<double> numbers(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    EXPECT_EQ(sum_of(in_a_row(numbers)), exact_sum(numbers)) << count;
    EXPECT_EQ(sum_of(in_a_row(numbers), {.compensated = true}), exact_sum(numbers)) << count;
  }
}

TEST(NumericSum, IsExactWhereALoopIsFarOff) {
  const std::vector<double> tenths(1'000'000, 0.1);
  EXPECT_EQ(sum_of(in_a_row(tenths)), 100'000.0);
  EXPECT_NE(std::accumulate(tenths.begin(), tenths.end(), 0.0), 100'000.0);  // the test can fail
  std::vector<double> small(1'000'001, 1e-3);
  small[0] = 1e8;
  EXPECT_EQ(sum_of(in_a_row(small)), exact_sum(small));
  std::vector<double> alternating(100'001);
  for (std::size_t i = 0; i < alternating.size(); ++i) alternating[i] = (i % 2 == 0 ? 1 : -1) * (1e10 + 0.1);
  EXPECT_EQ(sum_of(in_a_row(alternating)), 1e10 + 0.1);
}

TEST(NumericSum, NumbersThatGrowWithinAChunkMakeItTakeAnotherScale) {
  std::vector<double> growing(60'000);
  for (std::size_t i = 0; i < growing.size(); ++i)
    growing[i] = std::exp2(static_cast<double>(i) / 200) * (i % 3 == 0 ? -1 : 1);
  EXPECT_EQ(sum_of(in_a_row(growing)), exact_sum(growing));
  std::reverse(growing.begin(), growing.end());
  EXPECT_EQ(sum_of(in_a_row(growing)), exact_sum(growing));
}

TEST(NumericSum, ALargeNumberThatCancelsLeavesTheSmallOnes) {
  for (const double large : {1e16, 1e80, 1e250}) {
    std::vector<double> numbers(10'000, 0.1);
    numbers[17] = large;
    numbers[7000] = -large;
    EXPECT_EQ(sum_of(in_a_row(numbers), {.compensated = true}), exact_sum(numbers)) << large;
  }
}

TEST(NumericSum, CompensatedIsRightWhereTheDefaultIsNot) {
  std::vector<double> numbers = mixed(20'000, 25, 3);
  const std::size_t half = numbers.size() / 2;
  for (std::size_t i = 0; i < half; ++i) numbers[half + i] = -numbers[i];
  numbers.push_back(1.0);
  EXPECT_EQ(exact_sum(numbers), 1.0);
  EXPECT_EQ(sum_of(in_a_row(numbers), {.compensated = true}), 1.0);
}

TEST(NumericSum, OfFloatsIsThatOfTheSameDoubles) {
  const std::vector<double> wide = mixed(70'000, 5);
  const std::vector<float> narrow(wide.begin(), wide.end());
  const std::vector<double> same(narrow.begin(), narrow.end());
  EXPECT_EQ(sum_of(in_a_row(narrow)), sum_of(in_a_row(same)));
  EXPECT_EQ(sum_of(in_a_row(narrow)), exact_sum(same));
}

TEST(NumericSum, InfinitiesAndNanPropagateFromAnyPlace) {
  for (const std::size_t count : {3U, 100U, 5000U, 70'000U}) {
    for (const std::size_t place : {std::size_t{0}, count / 2, count - 1}) {
      std::vector<double> numbers(count, 1.0);
      numbers[place] = kInfinity;
      EXPECT_EQ(sum_of(in_a_row(numbers)), kInfinity);
      numbers[place] = -kInfinity;
      EXPECT_EQ(sum_of(in_a_row(numbers)), -kInfinity);
      numbers[(place + 1) % count] = kInfinity;
      EXPECT_TRUE(std::isnan(sum_of(in_a_row(numbers))));
      numbers.assign(count, 1.0);
      numbers[place] = kNan;
      EXPECT_TRUE(std::isnan(sum_of(in_a_row(numbers))));
      std::vector<float> floats(count, 1.0F);
      floats[place] = std::numeric_limits<float>::infinity();
      EXPECT_EQ(sum_of(in_a_row(floats)), kInfinity);
    }
  }
}

TEST(NumericSum, AnOverflowOnTheWayIsNoOverflowOfTheSum) {
  EXPECT_EQ(sum_of(in_a_row(std::vector<double>{kMax, kMax, -kMax})), kMax);
  EXPECT_EQ(sum_of(in_a_row(std::vector<double>{kMax, kMax, -kMax, -kMax, 1.0})), 1.0);
  EXPECT_EQ(sum_of(in_a_row(std::vector<double>{kMax, kMax})), kInfinity);
  EXPECT_EQ(sum_of(in_a_row(std::vector<double>{-kMax, -kMax})), -kInfinity);
  const std::vector<double> many(5000, kMax);
  EXPECT_EQ(numeric::mean(numeric::sum(in_a_row(many).view())), kMax);
}

TEST(NumericSum, OfNothingIsZeroAndOfNegativeZerosIsNegative) {
  const std::vector<double> none;
  EXPECT_EQ(sum_of(in_a_row(none)), 0.0);
  EXPECT_FALSE(std::signbit(sum_of(in_a_row(none))));
  EXPECT_TRUE(std::isnan(numeric::mean(numeric::sum(in_a_row(none).view()))));
  for (const std::size_t count : {1U, 64U, 5000U}) {
    EXPECT_TRUE(std::signbit(sum_of(in_a_row(std::vector<double>(count, -0.0))))) << count;
    EXPECT_FALSE(std::signbit(sum_of(in_a_row(std::vector<double>(count, 0.0))))) << count;
  }
}

TEST(NumericSum, TinyNumbersAreNotLost) {
  const std::vector<double> tiny(10'000, std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(sum_of(in_a_row(tiny)), 10'000 * std::numeric_limits<double>::denorm_min());
  std::vector<double> both(10'000, 1e-250);
  both[5000] = 1.0;
  EXPECT_EQ(sum_of(in_a_row(both)), 1.0);
}

TEST(NumericMean, OfFloatingPointNumbersIsRoundedOnce) {
  EXPECT_EQ(numeric::mean(numeric::sum(in_a_row(std::vector<double>(3, 0.1)).view())), 0.1);
  EXPECT_EQ(numeric::mean(numeric::sum(in_a_row(std::vector<double>(1'000'003, 0.1)).view())), 0.1);
}

TEST(NumericMean, AbsoluteDifferenceOfFloatingPointNumbers) {
  const std::vector<double> a = mixed(70'001, 3, 1);
  const std::vector<double> b = mixed(70'001, 3, 2);
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = std::abs(a[i] - b[i]);
  const auto total = numeric::absolute_difference(in_a_row(a).view(), in_a_row(b).view());
  EXPECT_EQ(numeric::rounded(std::get<numeric::Real>(total.value)), exact_sum(differences));
}

TEST(NumericOptions, NoThreadsAtAllAreRefused) {
  EXPECT_THROW((void)sum_of(in_a_row(std::vector<double>(3)), {.threads = 0}), std::invalid_argument);
}

// The number was made on x86-64.
TEST(NumericSum, X86AndArmGiveTheSameBits) {
  Fingerprint found;
  std::mt19937_64 random(7);
  for (const std::size_t count : {5U, 777U, 4099U, 70'001U}) {
    std::vector<double> numbers(count);
    for (auto& number : numbers) {  // every sign, 40 binary orders of magnitude
      const auto bits = random();
      number =
          std::ldexp(static_cast<double>(static_cast<std::int64_t>(bits)), -static_cast<int>(bits % 40U));
    }
    const std::vector<float> narrow(numbers.begin(), numbers.end());
    for (const bool compensated : {false, true}) {
      found.add(sum_of(in_a_row(numbers), {.compensated = compensated}));
      found.add(sum_of(in_a_row(narrow), {.compensated = compensated}));
    }
  }
  EXPECT_EQ(found.value(), 0xafd45b626dc94011U);
}

}  // namespace
}  // namespace freshframe::test
