// Compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0

// Each target adds compile time, so AddressSanitizer builds have only two.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include "inference/picture/weighted_sums.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "inference/picture/weighted_sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::inference::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Sums = hn::CappedTag<std::int32_t, 16>;
using SumBytes = hn::Rebind<std::uint8_t, Sums>;
using Sum = hn::Vec<Sums>;

HWY_INLINE Sum half() {
  return hn::Set(Sums(), 1 << (kWeightBits - 1));
}

HWY_INLINE void put(Sum sum, std::uint8_t* to) {
  hn::StoreU(hn::DemoteTo(SumBytes(), hn::ShiftRight<kWeightBits>(sum)), SumBytes(), to);
}

// Processes four samples of each output per step.
void sum_levels(const std::uint8_t* row, const AlongRow& how, std::uint8_t* out, std::size_t count) {
  constexpr std::size_t kAtOnce = taps_at_once(1);
  const std::size_t lanes = hn::Lanes(Sums());
  const auto level = hn::Set(Sums(), 0xFF);
  const auto* const base = reinterpret_cast<const std::int32_t*>(row);
  for (std::size_t i = 0; i < count; i += lanes) {
    Sum sum = half();
    auto place = hn::LoadU(Sums(), how.first + i);
    const std::int32_t* weights = how.weights + i;
    const auto add = [&](Sum gathered) {
      sum = hn::Add(sum, hn::Mul(hn::And(gathered, level), hn::LoadU(Sums(), weights)));
      weights += how.stride;
    };
    for (std::size_t tap = 0; tap < how.taps; tap += kAtOnce) {
      const auto bytes = hn::GatherOffset(Sums(), base, place);
      place = hn::Add(place, hn::Set(Sums(), kAtOnce));
      add(bytes);
      add(hn::ShiftRight<8>(bytes));
      add(hn::ShiftRight<16>(bytes));
      add(hn::ShiftRight<24>(bytes));
    }
    put(sum, out + i);
  }
}

// Processes one sample of each output per step. Reads four bytes, of which three belong to the pixel.
void sum_colours(const std::uint8_t* row, const AlongRow& how, const std::array<std::uint8_t*, 3>& out,
                 std::size_t count) {
  const std::size_t lanes = hn::Lanes(Sums());
  const auto level = hn::Set(Sums(), 0xFF);
  const auto pixel = hn::Set(Sums(), 3);
  const auto* const base = reinterpret_cast<const std::int32_t*>(row);
  for (std::size_t i = 0; i < count; i += lanes) {
    Sum first = half();
    Sum second = half();
    Sum third = half();
    auto place = hn::LoadU(Sums(), how.first + i);
    for (std::size_t tap = 0; tap < how.taps; ++tap) {
      const auto bytes = hn::GatherOffset(Sums(), base, place);
      const auto weight = hn::LoadU(Sums(), how.weights + tap * how.stride + i);
      place = hn::Add(place, pixel);
      first = hn::Add(first, hn::Mul(hn::And(bytes, level), weight));
      second = hn::Add(second, hn::Mul(hn::And(hn::ShiftRight<8>(bytes), level), weight));
      third = hn::Add(third, hn::Mul(hn::And(hn::ShiftRight<16>(bytes), level), weight));
    }
    put(first, out[0] + i);
    put(second, out[1] + i);
    put(third, out[2] + i);
  }
}

void sums_over(const std::uint8_t* rows, const OverRows& how, float* out, std::size_t count) {
  using Levels = hn::Rebind<float, Sums>;
  const std::size_t lanes = hn::Lanes(Sums());
  const auto most = hn::Set(Sums(), 0xFF);
  for (std::size_t i = 0; i < count; i += lanes) {
    Sum sum = half();
    const std::uint8_t* row = rows + i;
    for (std::size_t tap = 0; tap < how.taps; ++tap, row += how.stride) {
      const auto level = hn::PromoteTo(Sums(), hn::LoadU(SumBytes(), row));
      sum = hn::Add(sum, hn::Mul(level, hn::Set(Sums(), how.weights[tap])));
    }
    const auto whole = hn::Min(hn::ShiftRight<kWeightBits>(sum), most);
    hn::StoreU(hn::ConvertTo(Levels(), whole), Levels(), out + i);
  }
}

}  // namespace freshframe::inference::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::inference {

HWY_EXPORT(sum_levels);
HWY_EXPORT(sum_colours);
HWY_EXPORT(sums_over);

void sum_along(const std::uint8_t* row, std::size_t components, const AlongRow& how,
               const std::array<std::uint8_t*, 3>& out, std::size_t count) {
  if (components == 1) return HWY_DYNAMIC_DISPATCH(sum_levels)(row, how, out[0], count);
  HWY_DYNAMIC_DISPATCH(sum_colours)(row, how, out, count);
}

void sum_over(const std::uint8_t* rows, const OverRows& how, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(sums_over)(rows, how, out, count);
}

}  // namespace freshframe::inference
#endif
