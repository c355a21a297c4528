// Halves an image, compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/half_size.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vision/picture/half_size.cpp"
#include <cstddef>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::vision::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void halve_row(const std::uint8_t* above, const std::uint8_t* below, std::uint8_t* to, int width) {
  const hn::ScalableTag<std::uint16_t> d;
  const hn::RebindToSigned<decltype(d)> d_signed;
  const hn::Rebind<std::uint8_t, decltype(d)> narrow;
  const auto two = hn::Set(d, 2);
  const auto lanes = static_cast<int>(hn::Lanes(d));
  const auto pairs = [&](const std::uint8_t* from) {
    hn::Vec<decltype(narrow)> even;
    hn::Vec<decltype(narrow)> odd;
    hn::LoadInterleaved2(narrow, from, even, odd);
    return hn::Add(hn::PromoteTo(d, even), hn::PromoteTo(d, odd));
  };
  int x = 0;
  for (; x + lanes <= width; x += lanes) {
    const std::ptrdiff_t from = 2 * static_cast<std::ptrdiff_t>(x);
    const auto sum = hn::Add(pairs(above + from), pairs(below + from));
    const auto mean = hn::BitCast(d_signed, hn::ShiftRight<2>(hn::Add(sum, two)));
    hn::StoreU(hn::DemoteTo(narrow, mean), narrow, to + x);
  }
  for (; x < width; ++x) {
    const std::ptrdiff_t from = 2 * static_cast<std::ptrdiff_t>(x);
    const int sum = above[from] + above[from + 1] + below[from] + below[from + 1];
    to[x] = static_cast<std::uint8_t>((sum + 2) >> 2);
  }
}

void halve_rows(const Plane& luma, std::uint8_t* to, int width, int height) {
  for (int y = 0; y < height; ++y) {
    halve_row(luma.row(2 * y), luma.row(2 * y + 1), to + static_cast<std::ptrdiff_t>(y) * width, width);
  }
}

}  // namespace freshframe::vision::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::vision {

HWY_EXPORT(halve_rows);

Plane half_size(const Plane& luma, std::vector<std::uint8_t>& memory) {
  const int width = luma.row_bytes / 2;
  const int height = luma.rows / 2;
  memory.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  HWY_DYNAMIC_DISPATCH(halve_rows)(luma, memory.data(), width, height);
  return {memory.data(), height, width, width};
}

}  // namespace freshframe::vision
#endif
