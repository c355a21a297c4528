// Sums bytes by eights, compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/cell_means.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vision/picture/cell_means.cpp"
#include <algorithm>

#include "vision/picture/cell_mask.hpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::vision::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<std::uint8_t>;
using Sums = hn::Repartition<std::uint64_t, Bytes>;

constexpr int kSide = CellMask::kCell;
static_assert(kSide == 8, "one 64 bit lane sums eight bytes");

std::uint16_t compute_mean(const Plane& luma, int x, int y) {
  const int width = std::min(kSide, luma.row_bytes - x);
  const int height = std::min(kSide, luma.rows - y);
  int sum = 0;
  for (int k = 0; k < height; ++k) {
    const std::uint8_t* row = luma.row(y + k) + x;
    for (int i = 0; i < width; ++i) sum += row[i];
  }
  return static_cast<std::uint16_t>(sum * kMeanScale / (width * height));
}

void cell_means(const Plane& luma, std::uint16_t* means) {
  const Bytes bytes;
  const Sums sums;
  const auto lanes = static_cast<int>(hn::Lanes(sums));
  HWY_ALIGN std::uint64_t cells[HWY_MAX_BYTES / sizeof(std::uint64_t)];
  for (int y = 0; y < luma.rows; y += kSide) {
    int x = 0;
    // the scalar target reads one byte at a time, so it has no sums of eight
    if (HWY_TARGET != HWY_SCALAR && y + kSide <= luma.rows) {
      for (; x + lanes * kSide <= luma.row_bytes; x += lanes * kSide) {
        auto total = hn::Zero(sums);
        for (int k = 0; k < kSide; ++k) {
          total = hn::Add(total, hn::SumsOf8(hn::LoadU(bytes, luma.row(y + k) + x)));
        }
        hn::Store(total, sums, cells);
        constexpr unsigned kPixelsPerStep = kSide * kSide / kMeanScale;
        for (int i = 0; i < lanes; ++i) *means++ = static_cast<std::uint16_t>(cells[i] / kPixelsPerStep);
      }
    }
    for (; x < luma.row_bytes; x += kSide) *means++ = compute_mean(luma, x, y);
  }
}

}  // namespace freshframe::vision::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::vision {

HWY_EXPORT(cell_means);

void measure_cell_means(const Plane& luma, std::uint16_t* means) {
  HWY_DYNAMIC_DISPATCH(cell_means)(luma, means);
}

}  // namespace freshframe::vision
#endif
