// Compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0

// Each target adds compile time, so AddressSanitizer builds have only two.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include "inference/masks/mask_rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "inference/masks/mask_rows.cpp"
#include <bit>
#include <cstring>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::inference::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using MaskBytes = hn::ScalableTag<std::uint8_t>;
using Logits = hn::CappedTag<float, 16>;

void find_flips(const std::uint8_t* above, const std::uint8_t* row, std::size_t columns, int number,
                std::vector<MaskFlip>& flips) {
  const MaskBytes d;
  const std::size_t lanes = hn::Lanes(d);
  const auto compare = [&](std::size_t begin, std::size_t end) {
    for (std::size_t x = begin; x < end; ++x) {
      if (above[x] != row[x]) flips.push_back({static_cast<int>(x), number});
    }
  };
  std::size_t x = 0;
  for (; x + lanes <= columns; x += lanes) {
    const auto same = hn::Eq(hn::LoadU(d, above + x), hn::LoadU(d, row + x));
    if (!hn::AllTrue(d, same)) compare(x, x + lanes);
  }
  compare(x, columns);
}

void add_rows(std::span<const float> weights, const float* rows, std::size_t step, std::span<float> sum) {
  const Logits d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t x = 0;
  for (; x + lanes <= sum.size(); x += lanes) {
    auto total = hn::Zero(d);
    for (std::size_t k = 0; k < weights.size(); ++k)
      total = hn::MulAdd(hn::Set(d, weights[k]), hn::LoadU(d, rows + k * step + x), total);
    hn::StoreU(total, d, sum.data() + x);
  }
  for (; x < sum.size(); ++x) {
    float total = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) total += weights[k] * rows[k * step + x];
    sum[x] = total;
  }
}

void blend_rows(const float* a, const float* b, float share, std::span<float> out) {
  const Logits d;
  const std::size_t lanes = hn::Lanes(d);
  const auto part = hn::Set(d, share);
  std::size_t i = 0;
  for (; i + lanes <= out.size(); i += lanes) {
    const auto first = hn::LoadU(d, a + i);
    hn::StoreU(hn::MulAdd(part, hn::Sub(hn::LoadU(d, b + i), first), first), d, out.data() + i);
  }
  for (; i < out.size(); ++i) out[i] = a[i] + share * (b[i] - a[i]);
}

void find_crossings(std::span<const float> values, std::vector<std::uint32_t>& at) {
  const Logits d;
  const std::size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  std::size_t i = 1;
  for (; i + lanes <= values.size(); i += lanes) {
    const auto before = hn::Gt(hn::LoadU(d, values.data() + i - 1), zero);
    const auto here = hn::Gt(hn::LoadU(d, values.data() + i), zero);
    const auto differ = hn::Xor(before, here);
    if (hn::AllFalse(d, differ)) continue;
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, differ, bytes);
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    for (; bits != 0; bits &= bits - 1)
      at.push_back(static_cast<std::uint32_t>(i) + static_cast<std::uint32_t>(std::countr_zero(bits)));
  }
  for (; i < values.size(); ++i) {
    if ((values[i - 1] > 0) != (values[i] > 0)) at.push_back(static_cast<std::uint32_t>(i));
  }
}

}  // namespace freshframe::inference::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::inference {

HWY_EXPORT(find_flips);
HWY_EXPORT(add_rows);
HWY_EXPORT(blend_rows);
HWY_EXPORT(find_crossings);

void find_flips(const std::uint8_t* above, const std::uint8_t* row, std::size_t columns, int number,
                std::vector<MaskFlip>& flips) {
  HWY_DYNAMIC_DISPATCH(find_flips)(above, row, columns, number, flips);
}

void weighted_sum(std::span<const float> weights, const float* rows, std::size_t step, std::span<float> sum) {
  HWY_DYNAMIC_DISPATCH(add_rows)(weights, rows, step, sum);
}

void blend_logits(const float* a, const float* b, float share, std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(a, b, share, out);
}

void find_crossings(std::span<const float> values, std::vector<std::uint32_t>& at) {
  HWY_DYNAMIC_DISPATCH(find_crossings)(values, at);
}

}  // namespace freshframe::inference
#endif
