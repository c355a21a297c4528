// Smoothing, Sobel gradient and edge thinning, one row at a time so that all data stays in the cache.
// SPDX-License-Identifier: Apache-2.0
//
// Smoothing is the 5 x 5 binomial filter. Thinning keeps local maxima across the edge (J. Canny, "A
// computational approach to edge detection", PAMI 1986, with the direction rounded to the main axis).
//
// Three stages follow one another down the image. Once row y is smoothed, row y - 1 has all that its gradient
// needs, and row y - 2 has the magnitudes of the rows above and below it, which thinning needs. So magnitudes
// and axes are kept of only three rows, in rings. The first and last rows and columns, which do not have all
// neighbours, are never edges.
//
// Compiled once per instruction set by Highway's foreach_target.
#include "vision/picture/gradient_rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vision/picture/gradient_rows.cpp"
#include <algorithm>
#include <cstddef>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::vision::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<std::uint16_t>;
using WideSigned = hn::ScalableTag<std::int16_t>;
using Narrow = hn::Rebind<std::uint8_t, Wide>;

// Number of lanes per step. The margins of GradientField hold 64 elements.
inline int step_size() {
  return static_cast<int>(hn::Lanes(Wide()));
}

inline hn::Vec<Wide> load_wide(const std::uint8_t* from) {
  return hn::PromoteTo(Wide(), hn::LoadU(Narrow(), from));
}

// 1 4 6 4 1
template <class V>
inline V binomial(V a, V b, V c, V d, V e) {
  const V six = hn::Add(hn::ShiftLeft<2>(c), hn::ShiftLeft<1>(c));
  return hn::Add(hn::Add(a, e), hn::Add(six, hn::ShiftLeft<2>(hn::Add(b, d))));
}

// The five source rows around `y`, mirrored at the border.
struct SourceRows {
  SourceRows(const Plane& luma, int y) {
    for (int k = -2; k <= 2; ++k) {
      int row = std::abs(y + k);
      if (row >= luma.rows) row = 2 * luma.rows - 2 - row;
      at[k + 2] = luma.row(row);
    }
  }
  const std::uint8_t* at[5] = {};
};

// Column sums of five rows. Never reads beyond the source rows: the last step overlaps its neighbour.
void sum_columns(const SourceRows& rows, std::uint16_t* sums, int width) {
  const int lanes = step_size();
  const auto sum_at = [&](int x) {
    hn::StoreU(binomial(load_wide(rows.at[0] + x), load_wide(rows.at[1] + x), load_wide(rows.at[2] + x),
                        load_wide(rows.at[3] + x), load_wide(rows.at[4] + x)),
               Wide(), sums + x);
  };
  if (width >= lanes) {
    for (int x = 0; x + lanes <= width; x += lanes) sum_at(x);
    sum_at(width - lanes);
  } else {
    for (int x = 0; x < width; ++x) {
      const int outer = rows.at[0][x] + rows.at[4][x];
      sums[x] = static_cast<std::uint16_t>(outer + 4 * (rows.at[1][x] + rows.at[3][x]) + 6 * rows.at[2][x]);
    }
  }
  sums[-1] = sums[1];
  sums[-2] = sums[2];
  sums[width] = sums[width - 2];
  sums[width + 1] = sums[width - 3];
}

void smooth_row(const Plane& luma, const GradientRows& out, int y) {
  std::uint16_t* sums = out.scratch;
  sum_columns(SourceRows(luma, y), sums, out.width);
  std::uint16_t* to = out.smoothed + static_cast<std::ptrdiff_t>(y) * out.stride;
  const int lanes = step_size();
  constexpr int kShift = 5;  // the filter's weights add up to 256
  static_assert((256 >> kShift) == kLumaScale);
  const auto half = hn::Set(Wide(), 1 << (kShift - 1));
  for (int x = 0; x < out.width; x += lanes) {
    const auto sum = binomial(hn::LoadU(Wide(), sums + x - 2), hn::LoadU(Wide(), sums + x - 1),
                              hn::LoadU(Wide(), sums + x), hn::LoadU(Wide(), sums + x + 1),
                              hn::LoadU(Wide(), sums + x + 2));
    hn::StoreU(hn::ShiftRight<kShift>(hn::SaturatedAdd(sum, half)), Wide(), to + x);
  }
}

// Rows of magnitudes and of main axes (all bits set: vertical) are stored in rings of three.
inline std::uint16_t* magnitude_row(const GradientRows& out, int y) {
  return out.scratch + static_cast<std::ptrdiff_t>(1 + y % 3) * out.stride;
}
inline std::uint16_t* axis_row(const GradientRows& out, int y) {
  return out.scratch + static_cast<std::ptrdiff_t>(4 + y % 3) * out.stride;
}

void sobel_row(const GradientRows& out, int y) {
  const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(y) * out.stride;
  const std::uint16_t* above = out.smoothed + offset - out.stride;
  const std::uint16_t* here = out.smoothed + offset;
  const std::uint16_t* below = out.smoothed + offset + out.stride;
  Gradient* gradients = out.gradients + offset;
  std::uint16_t* magnitudes = magnitude_row(out, y);
  std::uint16_t* axes = axis_row(out, y);
  const WideSigned d;
  const auto load = [&](const std::uint16_t* row, int x) {
    return hn::BitCast(d, hn::LoadU(Wide(), row + x));
  };
  const int lanes = step_size();
  for (int x = 0; x < out.width; x += lanes) {
    const auto top_left = load(above, x - 1);
    const auto top_right = load(above, x + 1);
    const auto bottom_left = load(below, x - 1);
    const auto bottom_right = load(below, x + 1);
    const auto across = hn::Sub(load(here, x + 1), load(here, x - 1));
    const auto down = hn::Sub(load(below, x), load(above, x));
    const auto diagonal = hn::Sub(bottom_right, top_left);
    const auto counter = hn::Sub(top_right, bottom_left);
    const auto gx = hn::Add(hn::Add(diagonal, counter), hn::ShiftLeft<1>(across));
    const auto gy = hn::Add(hn::Sub(diagonal, counter), hn::ShiftLeft<1>(down));
    hn::StoreInterleaved2(gx, gy, d, &gradients[x].x);
    const auto ax = hn::Abs(gx);
    const auto ay = hn::Abs(gy);
    hn::StoreU(hn::BitCast(Wide(), hn::Add(ax, ay)), Wide(), magnitudes + x);
    hn::StoreU(hn::BitCast(Wide(), hn::VecFromMask(d, hn::Gt(ay, ax))), Wide(), axes + x);
  }
  for (const int x : {0, out.width - 1}) {
    gradients[x] = {};
    magnitudes[x] = 0;
  }
}

void thin_row(const GradientRows& out, int y) {
  const std::uint16_t* above = magnitude_row(out, y - 1);
  const std::uint16_t* here = magnitude_row(out, y);
  const std::uint16_t* below = magnitude_row(out, y + 1);
  const std::uint16_t* axes = axis_row(out, y);
  std::uint8_t* flags = out.flags + static_cast<std::ptrdiff_t>(y) * out.stride;
  const WideSigned d;
  const auto load = [&](const std::uint16_t* row, int x) {
    return hn::BitCast(d, hn::LoadU(Wide(), row + x));
  };
  const auto weakest = hn::Set(d, kEdgeMagnitude - 1);
  const auto weakest_seed = hn::Set(d, kSeedMagnitude - 1);
  const int lanes = step_size();
  for (int x = 0; x < out.width; x += lanes) {
    const auto magnitude = load(here, x);
    const auto vertical = hn::MaskFromVec(load(axes, x));
    const auto before = hn::IfThenElse(vertical, load(above, x), load(here, x - 1));
    const auto after = hn::IfThenElse(vertical, load(below, x), load(here, x + 1));
    const auto edge = hn::AndNot(hn::Gt(after, magnitude), hn::Gt(magnitude, hn::Max(before, weakest)));
    const auto seed = hn::And(edge, hn::Gt(magnitude, weakest_seed));
    const auto value =
        hn::Add(hn::IfThenElseZero(edge, hn::Set(d, kEdge)), hn::IfThenElseZero(seed, hn::Set(d, kSeed)));
    hn::StoreU(hn::DemoteTo(Narrow(), value), Narrow(), flags + x);
  }
  const int width = out.width;
  for (const int x : {0, 1, width - 2, width - 1}) flags[x] = 0;
}

void compute_rows(const Plane& luma, const GradientRows& out) {
  const auto clear_flags = [&](int y) {
    std::fill_n(out.flags + static_cast<std::ptrdiff_t>(y) * out.stride, out.width, std::uint8_t{0});
  };
  const auto clear_gradients = [&](int y) {
    std::fill_n(out.gradients + static_cast<std::ptrdiff_t>(y) * out.stride, out.width, Gradient{});
  };
  const int last = out.height - 1;
  clear_gradients(0);
  clear_gradients(last);
  for (const int y : {0, 1, last - 1, last}) clear_flags(y);
  for (int y = 0; y <= last; ++y) {
    smooth_row(luma, out, y);
    if (y >= 2) sobel_row(out, y - 1);
    if (y >= 4) thin_row(out, y - 2);
  }
}

}  // namespace freshframe::vision::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::vision {

HWY_EXPORT(compute_rows);

void compute_gradient_rows(const Plane& luma, const GradientRows& out) {
  HWY_DYNAMIC_DISPATCH(compute_rows)(luma, out);
}

}  // namespace freshframe::vision
#endif
