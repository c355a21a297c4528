// Operations on rows of masks and images, compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vision/draw/rows.cpp"
#include <cstddef>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::vision::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
using Ints = hn::Rebind<std::int32_t, Doubles>;
using Bytes = hn::Rebind<std::uint8_t, Doubles>;
using V = hn::Vec<Doubles>;

HWY_INLINE V all(double value) {
  return hn::Set(Doubles(), value);
}

/// The fraction of a pixel at `distance` from the center of a line that is within `half_width`.
HWY_INLINE V covered(V distance, V half_width) {
  const V half = all(0.5);
  const V far = hn::Min(hn::Add(distance, half), half_width);
  const V near = hn::Max(hn::Sub(distance, half), hn::Neg(half_width));
  return hn::Min(hn::Max(hn::Sub(far, near), all(0)), all(1));
}

/// Raises the mask to `value` in 0..1.
HWY_INLINE void raise(V value, std::uint8_t* mask) {
  const auto level = hn::DemoteTo(Ints(), hn::Add(hn::Mul(value, all(255)), all(0.5)));
  const auto before = hn::PromoteTo(Ints(), hn::LoadU(Bytes(), mask));
  hn::StoreU(hn::DemoteTo(Bytes(), hn::Max(level, before)), Bytes(), mask);
}

void cover_rim(const RimLine& rim, int y, const Columns& columns, std::uint8_t* row) {
  const Doubles d;
  const V dy = all(y - rim.y);
  const V dy2 = hn::Mul(dy, dy);
  const V half_width = all(rim.half_width);
  for (int x = columns.left; x < columns.right; x += static_cast<int>(hn::Lanes(d))) {
    const V dx = hn::Sub(hn::Iota(d, x), all(rim.x));
    const V from_rim = hn::Sub(hn::Sqrt(hn::Add(hn::Mul(dx, dx), dy2)), all(rim.r));
    raise(covered(from_rim, half_width), row + x);
  }
}

void cover_stroke(const Stroke& stroke, int y, const Columns& columns, std::uint8_t* row) {
  const Doubles d;
  const double length2 = stroke.dx * stroke.dx + stroke.dy * stroke.dy;
  const V along_x = all(length2 > 0 ? stroke.dx / length2 : 0);
  const double py = y - stroke.y;
  const V along_y = all(length2 > 0 ? py * stroke.dy / length2 : 0);
  for (int x = columns.left; x < columns.right; x += static_cast<int>(hn::Lanes(d))) {
    const V px = hn::Sub(hn::Iota(d, x), all(stroke.x));
    const V share = hn::Min(hn::Max(hn::Add(hn::Mul(px, along_x), along_y), all(0)), all(1));
    const V dx = hn::Sub(px, hn::Mul(share, all(stroke.dx)));
    const V dy = hn::Sub(all(py), hn::Mul(share, all(stroke.dy)));
    const V distance = hn::Sqrt(hn::Add(hn::Mul(dx, dx), hn::Mul(dy, dy)));
    const V half_width = hn::Add(all(stroke.half_width), hn::Mul(share, all(stroke.half_width_change)));
    const V opacity = hn::Add(all(stroke.opacity), hn::Mul(share, all(stroke.opacity_change)));
    raise(hn::Mul(covered(distance, half_width), opacity), row + x);
  }
}

using Words = hn::ScalableTag<std::uint16_t>;
using Levels = hn::Rebind<std::uint8_t, Words>;
using W = hn::Vec<Words>;
using L = hn::Vec<Levels>;

/// x / 255, rounded; x is up to 255 * 255, plus 128 that the caller has added.
HWY_INLINE W by_255(W x) {
  return hn::ShiftRight<8>(hn::Add(x, hn::ShiftRight<8>(x)));
}

HWY_INLINE L mixed(L pixel, W opacity, W rest, std::uint8_t level) {
  const Words d;
  const W old = hn::Mul(hn::PromoteTo(d, pixel), rest);
  const W sum = hn::Add(hn::Add(old, hn::Mul(opacity, hn::Set(d, level))), hn::Set(d, 128));
  return hn::DemoteTo(Levels(), hn::BitCast(hn::RebindToSigned<Words>(), by_255(sum)));
}

template <int kComponents>
void mix_rows(const Paint& paint, const std::uint8_t* mask, int count, std::uint8_t* pixels) {
  const Words d;
  const Levels bytes;
  const auto lanes = static_cast<int>(hn::Lanes(d));
  const W factor = hn::Set(d, static_cast<std::uint16_t>(paint.opacity));
  const auto& level = paint.levels;
  int x = 0;
  for (; x + lanes <= count; x += lanes) {
    const W covered = hn::PromoteTo(d, hn::LoadU(bytes, mask + x));
    if (hn::AllTrue(d, hn::Eq(covered, hn::Zero(d)))) continue;
    const W opacity = hn::ShiftRight<8>(hn::Add(hn::Mul(covered, factor), hn::Set(d, 128)));
    const W rest = hn::Sub(hn::Set(d, 255), opacity);
    std::uint8_t* const at = pixels + static_cast<std::ptrdiff_t>(kComponents) * x;
    // NOLINTBEGIN(misc-const-correctness): the steps that are not chosen write to them
    L a;
    L b;
    L c;
    // NOLINTEND(misc-const-correctness)
    if constexpr (kComponents == 1) {
      hn::StoreU(mixed(hn::LoadU(bytes, at), opacity, rest, level[0]), bytes, at);
    } else if constexpr (kComponents == 2) {
      hn::LoadInterleaved2(bytes, at, a, b);
      hn::StoreInterleaved2(mixed(a, opacity, rest, level[0]), mixed(b, opacity, rest, level[1]), bytes, at);
    } else {
      hn::LoadInterleaved3(bytes, at, a, b, c);
      hn::StoreInterleaved3(mixed(a, opacity, rest, level[0]), mixed(b, opacity, rest, level[1]),
                            mixed(c, opacity, rest, level[2]), bytes, at);
    }
  }
  for (; x < count; ++x) {
    const int opacity = (mask[x] * paint.opacity + 128) >> 8;
    for (int i = 0; i < kComponents; ++i) {
      auto& pixel = pixels[kComponents * static_cast<std::ptrdiff_t>(x) + i];
      const int sum = pixel * (255 - opacity) + level[static_cast<std::size_t>(i)] * opacity + 128;
      pixel = static_cast<std::uint8_t>((sum + (sum >> 8)) >> 8);
    }
  }
}

void mix_1(const Paint& paint, const std::uint8_t* mask, int count, std::uint8_t* pixels) {
  mix_rows<1>(paint, mask, count, pixels);
}
void mix_2(const Paint& paint, const std::uint8_t* mask, int count, std::uint8_t* pixels) {
  mix_rows<2>(paint, mask, count, pixels);
}
void mix_3(const Paint& paint, const std::uint8_t* mask, int count, std::uint8_t* pixels) {
  mix_rows<3>(paint, mask, count, pixels);
}

}  // namespace freshframe::vision::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::vision {

HWY_EXPORT(cover_rim);
HWY_EXPORT(cover_stroke);
HWY_EXPORT(mix_1);
HWY_EXPORT(mix_2);
HWY_EXPORT(mix_3);

void cover(const RimLine& rim, int y, const Columns& columns, std::uint8_t* row) {
  HWY_DYNAMIC_DISPATCH(cover_rim)(rim, y, columns, row);
}

void cover(const Stroke& stroke, int y, const Columns& columns, std::uint8_t* row) {
  HWY_DYNAMIC_DISPATCH(cover_stroke)(stroke, y, columns, row);
}

void mix(const Paint& paint, int components, const std::uint8_t* mask, int count, std::uint8_t* pixels) {
  if (components == 1) return HWY_DYNAMIC_DISPATCH(mix_1)(paint, mask, count, pixels);
  if (components == 2) return HWY_DYNAMIC_DISPATCH(mix_2)(paint, mask, count, pixels);
  HWY_DYNAMIC_DISPATCH(mix_3)(paint, mask, count, pixels);
}

}  // namespace freshframe::vision
#endif
