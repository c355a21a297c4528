// What freshframe.numeric is measured against: loops that only read, plain sums, Kahan's sum. A library
// for numeric.py, compiled for the machine that it runs on.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

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
