// Any layout, any number of threads, any instruction set: the same numbers give the same bits.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/numeric.hpp"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <vector>

#include "cpp/numeric/cases.hpp"
#include "numeric/threads.hpp"
#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace freshframe::test {
namespace {

constexpr std::ptrdiff_t kSize = sizeof(double);

// An image of `rows` x `columns` whose rows are `stride` numbers apart, cut out of `numbers`.
Laid cut(const std::vector<double>& numbers, std::ptrdiff_t rows, std::ptrdiff_t columns,
         std::ptrdiff_t stride) {
  return {reinterpret_cast<const std::byte*>(numbers.data()),
          numeric::Type::Float64,
          {rows, columns},
          {stride * kSize, kSize}};
}

std::vector<double> copy_of(const std::vector<double>& numbers, std::ptrdiff_t rows, std::ptrdiff_t columns,
                            std::ptrdiff_t stride) {
  std::vector<double> copy;
  for (std::ptrdiff_t row = 0; row < rows; ++row) {
    copy.insert(copy.end(), numbers.begin() + row * stride, numbers.begin() + row * stride + columns);
  }
  return copy;
}

TEST(NumericLayout, RowsWithGapsAreSummedAsIfTheyHadNone) {
  const std::vector<double> numbers = mixed(300'000, 16);
  for (const std::ptrdiff_t columns : {1, 7, 640, 2047, 2048, 2500, 5000, 20'000, 70'000}) {
    const std::ptrdiff_t stride = columns + 3;
    const std::ptrdiff_t rows = 300'000 / stride;
    EXPECT_EQ(sum_of(cut(numbers, rows, columns, stride)),
              sum_of(in_a_row(copy_of(numbers, rows, columns, stride))))
        << columns;
  }
}

TEST(NumericLayout, TheTransposeAndTheReversalHaveTheSameSum) {
  const std::vector<double> numbers = mixed(120'000, 16);
  const double expected = sum_of(in_a_row(numbers));
  Laid laid = cut(numbers, 300, 400, 400);
  EXPECT_EQ(sum_of(laid), expected);
  std::swap(laid.shape[0], laid.shape[1]);
  std::swap(laid.strides[0], laid.strides[1]);
  EXPECT_EQ(sum_of(laid), expected);
  laid.data += (numbers.size() - 1) * sizeof(double);
  for (std::ptrdiff_t& stride : laid.strides) stride = -stride;
  EXPECT_EQ(sum_of(laid), expected);
}

TEST(NumericLayout, ScatteredNumbersOfEverySize) {
  const auto every_third = [](auto sample) {
    using T = decltype(sample);
    std::vector<T> numbers(100'000);
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = static_cast<T>(i * 7);
      if (i % 3 == 0) expected += numbers[i];
    }
    Laid laid = in_a_row(numbers);
    laid.shape = {33'334};
    laid.strides = {3 * static_cast<std::ptrdiff_t>(sizeof(T))};
    EXPECT_EQ(integer_of(numeric::sum(laid.view())).low, expected) << sizeof(T);
  };
  every_third(std::uint8_t{});
  every_third(std::uint16_t{});
  every_third(std::uint32_t{});
  every_third(std::uint64_t{});
}

TEST(NumericLayout, ABroadcastAxisRepeatsItsNumbers) {
  const std::vector<double> numbers = mixed(1000, 3);
  Laid laid = in_a_row(numbers);
  laid.shape = {50, 1000, 2};
  laid.strides = {0, kSize, 0};
  EXPECT_EQ(numeric::sum(laid.view()).count, 100'000);
  std::vector<double> repeated;
  for (int i = 0; i < 100; ++i) repeated.insert(repeated.end(), numbers.begin(), numbers.end());
  EXPECT_EQ(sum_of(laid), exact_sum(repeated));
}

TEST(NumericLayout, NumbersMayLieAtOddAddresses) {
  const std::vector<double> numbers = mixed(5000, 8);
  std::vector<std::byte> bytes(numbers.size() * sizeof(double) + 1);
  std::memcpy(bytes.data() + 1, numbers.data(), numbers.size() * sizeof(double));
  Laid laid = in_a_row(numbers);
  laid.data = bytes.data() + 1;
  EXPECT_EQ(sum_of(laid), sum_of(in_a_row(numbers)));
}

TEST(NumericLayout, NoAxesAreOneNumberAndAnEmptyAxisIsNone) {
  const double number = 2.5;
  Laid laid{reinterpret_cast<const std::byte*>(&number), numeric::Type::Float64, {}, {}};
  EXPECT_EQ(sum_of(laid), 2.5);
  EXPECT_EQ(numeric::sum(laid.view()).count, 1);
  laid = {nullptr, numeric::Type::Float64, {3, 0, 2}, {0, -8, 8}};
  EXPECT_EQ(numeric::sum(laid.view()).count, 0);
}

TEST(NumericLayout, DifferencesOfTwoLayouts) {
  std::vector<std::int32_t> a(60'000);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<std::int32_t>(i * i);
  std::vector<std::int32_t> transposed(a.size());
  for (std::size_t row = 0; row < 200; ++row) {
    for (std::size_t column = 0; column < 300; ++column)
      transposed[column * 200 + row] = a[row * 300 + column];
  }
  Laid left = in_a_row(a);
  left.shape = {200, 300};
  left.strides = {300 * 4, 4};
  Laid right = in_a_row(transposed);
  right.shape = {200, 300};
  right.strides = {4, 200 * 4};
  const auto same = integer_of(numeric::absolute_difference(left.view(), right.view()));
  EXPECT_EQ(same.low, 0U);
  ++transposed[17];
  EXPECT_EQ(integer_of(numeric::absolute_difference(left.view(), right.view())).low, 1U);
}

TEST(NumericLayout, WhatDoesNotFitIsRefused) {
  const std::vector<double> numbers(10);
  Laid laid = in_a_row(numbers);
  laid.strides.push_back(8);
  EXPECT_THROW((void)numeric::sum(laid.view()), std::invalid_argument);
  laid.shape.assign(65, 1);
  laid.strides.assign(65, 8);
  EXPECT_THROW((void)numeric::sum(laid.view()), std::invalid_argument);
  laid.shape = {-1};
  laid.strides = {8};
  EXPECT_THROW((void)numeric::sum(laid.view()), std::invalid_argument);
  laid.shape = {std::ptrdiff_t{1} << 40, std::ptrdiff_t{1} << 40};
  laid.strides = {0, 0};
  EXPECT_THROW((void)numeric::sum(laid.view()), std::invalid_argument);
  laid.shape.push_back(0);
  laid.strides.push_back(0);
  EXPECT_EQ(numeric::sum(laid.view()).count, 0);
  const std::vector<double> nine(9);
  EXPECT_THROW((void)numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(nine).view()),
               std::invalid_argument);
  const std::vector<float> floats(10);
  EXPECT_THROW((void)numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(floats).view()),
               std::invalid_argument);
}

TEST(NumericThreads, TheResultIsTheSameForEveryNumberOfThem) {
  const std::vector<double> numbers = mixed(1'000'003, 16);
  for (const bool compensated : {false, true}) {
    const double expected = sum_of(in_a_row(numbers), {.compensated = compensated});
    for (const int threads : {2, 3, 7, 16}) {
      EXPECT_EQ(sum_of(in_a_row(numbers), {.compensated = compensated, .threads = threads}), expected)
          << threads;
    }
  }
}

TEST(NumericThreads, EveryChunkIsDoneOnce) {
  for (const int threads : {1, 2, 5}) {
    std::vector<std::atomic<int>> done(100);
    numeric::share_out(100, threads, [&](std::int64_t chunk) { ++done[static_cast<std::size_t>(chunk)]; });
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
  numeric::share_out(0, 3, [](std::int64_t) { FAIL(); });
}

// Calls `call` with each instruction set that this machine has and the library was compiled for.
int with_each_target(const std::function<void(const char*)>& call) {
  int tried = 0;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    if ((target & HWY_TARGETS) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();  // the next call chooses again
    call(hwy::TargetName(target));
    ++tried;
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
  return tried;
}

TEST(NumericSimd, EveryInstructionSetGivesTheSameBitsForFloatingPointNumbers) {
  std::vector<std::vector<double>> cases = {mixed(140'001, 16), mixed(70'000, 2), mixed(3000, 300),
                                            std::vector<double>(70'000, 0.1)};
  std::vector<double> cancelling(9000, 0.1);
  for (std::size_t i = 0; i < 4000; i += 2) cancelling[i] = -(cancelling[i + 1] = 1e300);
  cases.push_back(cancelling);
  for (const auto& numbers : cases) {
    const std::vector<float> floats(numbers.begin(), numbers.end());
    const double expected = sum_of(in_a_row(numbers));
    const double compensated = sum_of(in_a_row(numbers), {.compensated = true});
    const auto reversed = std::vector<double>(numbers.rbegin(), numbers.rend());
    const double apart =
        numeric::mean(numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(reversed).view()));
    const bool floats_fit = std::isfinite(sum_of(in_a_row(floats)));
    const double of_floats = sum_of(in_a_row(floats));
    const int tried = with_each_target([&](const char* name) {
      EXPECT_EQ(sum_of(in_a_row(numbers)), expected) << name;
      EXPECT_EQ(sum_of(in_a_row(numbers), {.compensated = true}), compensated) << name;
      EXPECT_EQ(
          numeric::mean(numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(reversed).view())),
          apart)
          << name;
      if (floats_fit) {
        EXPECT_EQ(sum_of(in_a_row(floats)), of_floats) << name;
      }
    });
    EXPECT_GE(tried, 1);
  }
}

// The rounded sum hides what is lost beyond its last bit, and in which order numbers were added.
TEST(NumericSimd, EvenTheUnroundedSumDependsNeitherOnTheInstructionSetNorOnTheLayout) {
  const std::vector<double> numbers = mixed(300'000, 16);
  for (const bool compensated : {false, true}) {
    const auto unrounded = [&](const Laid& laid) {
      return std::get<numeric::Real>(numeric::sum(laid.view(), {.compensated = compensated}).value);
    };
    for (const std::ptrdiff_t columns : {1, 700, 2500, 20'000, 70'000}) {
      const std::ptrdiff_t stride = columns + 3;
      const std::vector<double> copy = copy_of(numbers, 300'000 / stride, columns, stride);
      const numeric::Real expected = unrounded(in_a_row(copy));
      EXPECT_NE(expected.error, 0);
      const int tried = with_each_target([&](const char* name) {
        for (const Laid& laid : {in_a_row(copy), cut(numbers, 300'000 / stride, columns, stride)}) {
          const numeric::Real found = unrounded(laid);
          EXPECT_EQ(found.sum, expected.sum) << name << ' ' << columns;
          EXPECT_EQ(found.error, expected.error) << name << ' ' << columns;
          EXPECT_EQ(found.rest, expected.rest) << name << ' ' << columns;
        }
      });
      EXPECT_GE(tried, 1);
    }
  }
}

TEST(NumericSimd, EveryInstructionSetAddsIntegersExactly) {
  const auto check = [](auto sample) {
    using T = decltype(sample);
    std::vector<T> numbers(3001);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(i * 0x9E3779B97F4A7C15U);
    const std::vector<T> reversed(numbers.rbegin(), numbers.rend());
    const auto sum = integer_of(numeric::sum(in_a_row(numbers).view()));
    const auto apart =
        integer_of(numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(reversed).view()));
    with_each_target([&](const char* name) {
      EXPECT_EQ(integer_of(numeric::sum(in_a_row(numbers).view())).low, sum.low) << name << sizeof(T);
      const auto again =
          integer_of(numeric::absolute_difference(in_a_row(numbers).view(), in_a_row(reversed).view()));
      EXPECT_EQ(again.low, apart.low) << name << sizeof(T);
      EXPECT_EQ(again.high, apart.high) << name << sizeof(T);
    });
  };
  check(std::uint8_t{}), check(std::uint16_t{}), check(std::uint32_t{}), check(std::uint64_t{});
  check(std::int8_t{}), check(std::int16_t{}), check(std::int32_t{}), check(std::int64_t{});
}

}  // namespace
}  // namespace freshframe::test
