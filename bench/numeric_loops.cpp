// What freshframe.numeric is measured against: loops that only read, plain sums, Kahan's sum. A library
// for numeric.py, compiled for the machine that it runs on.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include <hwy/targets.h>

namespace {

using Line = std::uint64_t __attribute__((vector_size(64)));

// A cache line at a time into kAbreast accumulators; memory is asked for `kAhead` bytes ahead.
template <std::size_t kAbreast, std::size_t kAhead>
std::uint64_t read(const char* from, std::size_t bytes) {
  std::array<Line, kAbreast> all{};
  for (std::size_t i = 0; i + kAbreast * 64 <= bytes; i += kAbreast * 64) {
    for (std::size_t k = 0; k < kAbreast; ++k) {
      Line line;
      std::memcpy(&line, from + i + k * 64, 64);
      if constexpr (kAhead != 0) __builtin_prefetch(from + i + k * 64 + kAhead);
      all[k] ^= line;
    }
  }
  Line together{};
  for (const Line& line : all) together ^= line;
  std::uint64_t result = 0;
  for (int i = 0; i < 8; ++i) result ^= together[i];
  return result;
}

using Doubles = double __attribute__((vector_size(64)));

// The plain sum of whole cache lines, in as many places at once as there are streams.
template <std::size_t kStreams>
double vector_sum(const double* from, std::size_t count) {
  constexpr std::size_t kWidth = 8;
  constexpr std::size_t kAbreast = 8 / kStreams;  // lines of a stream
  const std::size_t share = count / kStreams / (kAbreast * kWidth) * (kAbreast * kWidth);
  std::array<Doubles, 8> sums{};
  for (std::size_t i = 0; i < share; i += kAbreast * kWidth) {
    for (std::size_t k = 0; k < 8; ++k) {
      Doubles line;
      std::memcpy(&line, from + (k / kAbreast) * share + i + (k % kAbreast) * kWidth, sizeof line);
      sums[k] += line;
    }
  }
  Doubles together{};
  for (const Doubles& sum : sums) together += sum;
  double total = 0;
  for (std::size_t i = 0; i < kWidth; ++i) total += together[i];
  for (std::size_t i = kStreams * share; i < count; ++i) total += from[i];
  return total;
}

template <class T, std::size_t kWidth>
struct VectorOf {
  typedef T type
      __attribute__((vector_size(sizeof(T) * kWidth)));  // NOLINT(modernize-use-using): GCC takes no other
};
template <std::size_t kWidth>
using Some = typename VectorOf<double, kWidth>::type;

// kWidth numbers as doubles.
template <std::size_t kWidth, class T>
Some<kWidth> some(const T* from) {
  typename VectorOf<T, kWidth>::type numbers;
  std::memcpy(&numbers, from, sizeof numbers);
  return __builtin_convertvector(numbers, Some<kWidth>);
}

// What a plain loop in C does: eight sums side by side, of numbers or of absolute differences, kErrors: with TwoSum's
// errors (two_sum.hpp).
template <std::size_t kWidth, bool kErrors, class T>
double eight_sums(const T* a, const T* b, std::size_t count) {
  std::array<Some<kWidth>, 8> sums{};
  std::array<Some<kWidth>, 8> errors{};
  for (std::size_t i = 0; i + 8 * kWidth <= count; i += 8 * kWidth) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) {
      Some<kWidth> x = some<kWidth, T>(a + i + k * kWidth);
      if (b != nullptr) {
        x -= some<kWidth, T>(b + i + k * kWidth);
        x = x < 0 ? -x : x;
      }
      const Some<kWidth> before = sums[k];
      sums[k] += x;
      if constexpr (kErrors) {
        const Some<kWidth> added = sums[k] - before;
        errors[k] += (before - (sums[k] - added)) + (x - added);
      }
    }
  }
  Some<kWidth> together{};
  for (std::size_t k = 0; k < 8; ++k) together += sums[k] + errors[k];
  std::array<double, kWidth> parts;
  std::memcpy(parts.data(), &together, sizeof parts);
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

template <class Work>
std::uint64_t shared_out(const char* from, std::size_t bytes, int threads, const Work& work) {
  if (threads == 1) return work(from, bytes);
  std::vector<std::uint64_t> results(static_cast<std::size_t>(threads));
  std::vector<std::thread> others;
  const std::size_t share = bytes / static_cast<std::size_t>(threads) / 4096 * 4096;
  for (std::size_t i = 0; i < results.size(); ++i) {
    others.emplace_back([&, i] { results[i] = work(from + i * share, share); });
  }
  std::uint64_t together = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    others[i].join();
    together ^= results[i];
  }
  return together;
}

}  // namespace

extern "C" {

std::uint64_t read_4(const char* from, std::size_t bytes, int threads) {
  return shared_out(from, bytes, threads, read<4, 0>);
}
std::uint64_t read_8(const char* from, std::size_t bytes, int threads) {
  return shared_out(from, bytes, threads, read<8, 0>);
}
std::uint64_t read_8_ahead(const char* from, std::size_t bytes, int threads) {
  return shared_out(from, bytes, threads, read<8, 4096>);
}

double naive_sum(const double* numbers, std::size_t count) {
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += numbers[i];
  return total;
}

double sum_1_stream(const double* numbers, std::size_t count) {
  return vector_sum<1>(numbers, count);
}
double sum_4_streams(const double* numbers, std::size_t count) {
  return vector_sum<4>(numbers, count);
}

// The instruction sets of Highway that this processor has, a bit each, and the choice of one.
std::int64_t targets() {
  hwy::SetSupportedTargetsForTest(0);
  return hwy::SupportedTargets();
}
void use_targets(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}
const char* target_name(std::int64_t target) {
  return hwy::TargetName(target);
}

// `b`: null, or the numbers whose distance from those of `a` is summed.
double plain_4_float64(const double* a, const double* b, std::size_t count) {
  return eight_sums<4, false>(a, b, count);
}
double plain_8_float64(const double* a, const double* b, std::size_t count) {
  return eight_sums<8, false>(a, b, count);
}
double plain_4_float32(const float* a, const float* b, std::size_t count) {
  return eight_sums<4, false>(a, b, count);
}
double plain_8_float32(const float* a, const float* b, std::size_t count) {
  return eight_sums<8, false>(a, b, count);
}
double errors_4_float64(const double* a, const double* b, std::size_t count) {
  return eight_sums<4, true>(a, b, count);
}
double errors_8_float64(const double* a, const double* b, std::size_t count) {
  return eight_sums<8, true>(a, b, count);
}
double errors_4_float32(const float* a, const float* b, std::size_t count) {
  return eight_sums<4, true>(a, b, count);
}
double errors_8_float32(const float* a, const float* b, std::size_t count) {
  return eight_sums<8, true>(a, b, count);
}

// W. Kahan, "Further remarks on reducing truncation errors", 1965.
double kahan_sum(const double* numbers, std::size_t count) {
  double total = 0;
  double lost = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = numbers[i] - lost;
    const double next = total + x;
    lost = (next - total) - x;
    total = next;
  }
  return total;
}
}
