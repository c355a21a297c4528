// Gray and YUV to packed RGB with the image's own matrix and range, exact to one rounding. Compiled once per
// instruction set by Highway's foreach_target.
//
// libyuv has this conversion too, but its 6-bit coefficients are limited to 2, where blue needs 2.02
// (BT.601), 2.11 (BT.709) and 2.14 (BT.2020) in limited range: saturated blue would be up to 16 levels off.
//
// Chroma is not interpolated (each sample applies to its own 2x2 or 2x1 pixels), as in cv2 and FFmpeg's fast
// path.
// SPDX-License-Identifier: Apache-2.0

// Compiling is slow, so AddressSanitizer builds have only two targets.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "media/colour/pixel_conversions.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "media/colour/yuv_to_rgb.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FRESHFRAME_YUV_TO_RGB_ONCE
#define FRESHFRAME_YUV_TO_RGB_ONCE
namespace freshframe::media {

/// 16-bit factors, scaled so that the high half of a product with a component (shifted as noted) has
/// kFraction fractional bits.
struct YuvFactors {
  std::int16_t black;   // luma of black
  std::int16_t y;       // times luma << 7
  std::int16_t u_to_b;  // times (chroma - 128) << 8, as are the next three
  std::int16_t u_to_g;
  std::int16_t v_to_g;
  std::int16_t v_to_r;
};

constexpr int kFraction = 5;

}  // namespace freshframe::media
#endif

HWY_BEFORE_NAMESPACE();
namespace freshframe::media::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// One row of each component; `rgb` is the output.
struct YuvRow {
  const std::uint8_t* y;
  const std::uint8_t* u;
  const std::uint8_t* v;
  std::uint8_t* rgb;
};

#if HWY_TARGET == HWY_SCALAR  // without SIMD: two pixels at a time, because they share a chroma sample

inline std::size_t yuv_lanes() {
  return 2;
}

template <ChromaLayout kChroma, bool kBlueFirst>
class YuvBlock {
 public:
  explicit YuvBlock(const YuvFactors& factors) : f_(factors) {}

  void operator()(const YuvRow& row, std::size_t x) const {
    for (std::size_t i = x; i < x + 2; ++i) {
      int cb = 0;
      int cr = 0;
      if constexpr (kChroma == ChromaLayout::Interleaved) {
        cb = row.u[x] - 128;
        cr = row.u[x + 1] - 128;
      } else if constexpr (kChroma != ChromaLayout::None) {
        const std::size_t sample = kChroma == ChromaLayout::Full ? i : x / 2;
        cb = row.u[sample] - 128;
        cr = row.v[sample] - 128;
      }
      const int luma = high_half((row.y[i] - f_.black) * 128, f_.y) + (1 << (kFraction - 1));
      std::uint8_t* const to = row.rgb + 3 * i;
      to[kBlueFirst ? 2 : 0] = level(luma + high_half(cr * 256, f_.v_to_r));
      to[1] = level(luma - high_half(cb * 256, f_.u_to_g) - high_half(cr * 256, f_.v_to_g));
      to[kBlueFirst ? 0 : 2] = level(luma + high_half(cb * 256, f_.u_to_b));
    }
  }

 private:
  static int high_half(int a, int b) { return (a * b) >> 16; }
  static std::uint8_t level(int value) {
    const int rounded = value >> kFraction;
    return static_cast<std::uint8_t>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
  }

  YuvFactors f_;
};

#else

using D8 = hn::ScalableTag<std::uint8_t>;
using D16 = hn::ScalableTag<std::int16_t>;
using DU16 = hn::RebindToUnsigned<D16>;
using DHalf8 = hn::Rebind<std::uint8_t, D16>;
using V8 = hn::Vec<D8>;
using V16 = hn::Vec<D16>;

/// Even and odd values of one component, 16 bits each.
struct SplitYuv {
  V16 even;
  V16 odd;
};

HWY_INLINE SplitYuv split_words(V8 v) {
  const auto words = hn::BitCast(DU16(), v);
  return {hn::BitCast(D16(), hn::And(words, hn::Set(DU16(), 0xFF))),
          hn::BitCast(D16(), hn::ShiftRight<8>(words))};
}

/// What a chroma sample adds to red, green and blue.
struct Tint {
  V16 red;
  V16 green;
  V16 blue;
};

/// Converts yuv_lanes() pixels, starting at `x`.
template <ChromaLayout kChroma, bool kBlueFirst>
class YuvBlock {
 public:
  explicit HWY_INLINE YuvBlock(const YuvFactors& f)
      : black_(hn::Set(D16(), static_cast<std::int16_t>(f.black * 128))),
        y_(hn::Set(D16(), f.y)),
        u_to_b_(hn::Set(D16(), f.u_to_b)),
        u_to_g_(hn::Set(D16(), f.u_to_g)),
        v_to_g_(hn::Set(D16(), f.v_to_g)),
        v_to_r_(hn::Set(D16(), f.v_to_r)) {}

  HWY_INLINE void operator()(const YuvRow& row, std::size_t x) const {
    const SplitYuv luma = split_words(hn::LoadU(D8(), row.y + x));
    const V16 even = scaled(luma.even);
    const V16 odd = scaled(luma.odd);
    if constexpr (kChroma == ChromaLayout::None) {
      const V8 gray = levels(even, odd);
      return hn::StoreInterleaved3(gray, gray, gray, D8(), row.rgb + 3 * x);
    } else if constexpr (kChroma == ChromaLayout::Full) {
      const SplitYuv u = split_words(hn::LoadU(D8(), row.u + x));
      const SplitYuv v = split_words(hn::LoadU(D8(), row.v + x));
      store(row.rgb + 3 * x, even, odd, tint(u.even, v.even), tint(u.odd, v.odd));
    } else {
      const SplitYuv uv = chroma(row, x);
      const Tint both = tint(uv.even, uv.odd);
      store(row.rgb + 3 * x, even, odd, both, both);
    }
  }

 private:
  static HWY_INLINE SplitYuv chroma(const YuvRow& row, std::size_t x) {
    if constexpr (kChroma == ChromaLayout::Interleaved) {
      return split_words(hn::LoadU(D8(), row.u + x));
    } else {
      return {hn::PromoteTo(D16(), hn::LoadU(DHalf8(), row.u + x / 2)),
              hn::PromoteTo(D16(), hn::LoadU(DHalf8(), row.v + x / 2))};
    }
  }

  [[nodiscard]] HWY_INLINE V16 scaled(V16 luma) const {
    const V16 half = hn::Set(D16(), 1 << (kFraction - 1));
    return hn::Add(hn::MulHigh(hn::Sub(hn::ShiftLeft<7>(luma), black_), y_), half);
  }

  [[nodiscard]] HWY_INLINE Tint tint(V16 u, V16 v) const {
    const V16 middle = hn::Set(D16(), -0x8000);  // 128 << 8
    const V16 cb = hn::Xor(hn::ShiftLeft<8>(u), middle);
    const V16 cr = hn::Xor(hn::ShiftLeft<8>(v), middle);
    return {hn::MulHigh(cr, v_to_r_),
            hn::Sub(hn::Zero(D16()), hn::Add(hn::MulHigh(cb, u_to_g_), hn::MulHigh(cr, v_to_g_))),
            hn::MulHigh(cb, u_to_b_)};
  }

  static HWY_INLINE V16 level(V16 value) {
    const V16 rounded = hn::ShiftRight<kFraction>(value);
    return hn::Min(hn::Max(rounded, hn::Zero(D16())), hn::Set(D16(), 255));
  }

  static HWY_INLINE V8 levels(V16 even, V16 odd) {
    return hn::BitCast(D8(), hn::Or(level(even), hn::ShiftLeft<8>(level(odd))));
  }

  static HWY_INLINE void store(std::uint8_t* to, V16 even, V16 odd, const Tint& tint_even,
                               const Tint& tint_odd) {
    const V8 red = levels(hn::Add(even, tint_even.red), hn::Add(odd, tint_odd.red));
    const V8 green = levels(hn::Add(even, tint_even.green), hn::Add(odd, tint_odd.green));
    const V8 blue = levels(hn::Add(even, tint_even.blue), hn::Add(odd, tint_odd.blue));
    if constexpr (kBlueFirst) {
      hn::StoreInterleaved3(blue, green, red, D8(), to);
    } else {
      hn::StoreInterleaved3(red, green, blue, D8(), to);
    }
  }

  V16 black_;
  V16 y_;
  V16 u_to_b_;
  V16 u_to_g_;
  V16 v_to_g_;
  V16 v_to_r_;
};

inline std::size_t yuv_lanes() {
  return hn::Lanes(D8());
}

#endif

constexpr std::size_t kMostBytes = HWY_MAX_BYTES;

/// Converts the last pixels of a row, fewer than yuv_lanes().
template <ChromaLayout kChroma, bool kBlueFirst>
HWY_NOINLINE void convert_tail(const YuvBlock<kChroma, kBlueFirst>& block, const YuvRow& row, std::size_t x,
                               std::size_t width) {
  const std::size_t left = width - x;
  std::array<std::uint8_t, kMostBytes> in[3] = {};
  std::array<std::uint8_t, 3 * kMostBytes> rgb;
  std::memcpy(in[0].data(), row.y + x, left);
  if constexpr (kChroma == ChromaLayout::Full) {
    std::memcpy(in[1].data(), row.u + x, left);
    std::memcpy(in[2].data(), row.v + x, left);
  } else if constexpr (kChroma == ChromaLayout::Halved) {
    std::memcpy(in[1].data(), row.u + x / 2, (left + 1) / 2);
    std::memcpy(in[2].data(), row.v + x / 2, (left + 1) / 2);
  } else if constexpr (kChroma == ChromaLayout::Interleaved) {
    std::memcpy(in[1].data(), row.u + x, (left + 1) / 2 * 2);
  }
  block({in[0].data(), in[1].data(), in[2].data(), rgb.data()}, 0);
  std::memcpy(row.rgb + 3 * x, rgb.data(), 3 * left);
}

template <ChromaLayout kChroma, bool kBlueFirst>
HWY_NOINLINE void convert_rows(const YuvFactors& factors, const Picture& from, const MutablePicture& to) {
  const auto width = static_cast<std::size_t>(to.format.width);
  const bool half_height = has_half_chroma_rows(from.format.format);
  const std::size_t at_once = yuv_lanes();
  const YuvBlock<kChroma, kBlueFirst> block(factors);
  for (int y = 0; y < to.format.height; ++y) {
    const int chroma_y = half_height ? y / 2 : y;
    // NOLINTNEXTLINE(misc-const-correctness): written for images with colour
    YuvRow row{view_plane(from, 0).row(y), nullptr, nullptr, to.row(0, y)};
    if constexpr (kChroma != ChromaLayout::None) row.u = view_plane(from, 1).row(chroma_y);
    if constexpr (kChroma == ChromaLayout::Full || kChroma == ChromaLayout::Halved) {
      row.v = view_plane(from, 2).row(chroma_y);
    }
    std::size_t x = 0;
    for (; x + at_once <= width; x += at_once) block(row, x);
    if (x < width) convert_tail(block, row, x, width);
  }
}

template <ChromaLayout kChroma>
void convert_to(const YuvFactors& factors, const Picture& from, const MutablePicture& to) {
  if (to.format.format == PixelFormat::Bgr) return convert_rows<kChroma, true>(factors, from, to);
  convert_rows<kChroma, false>(factors, from, to);
}

void convert_yuv(const YuvFactors& factors, const Picture& from, const MutablePicture& to) {
  with_chroma_layout(from.format.format,
                     [&](auto layout) { convert_to<decltype(layout)::value>(factors, from, to); });
}

}  // namespace freshframe::media::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::media {
namespace {

HWY_EXPORT(convert_yuv);

YuvFactors factors(const PictureFormat& format) {
  const auto k = core::luma_weights(core::choose_matrix(format));
  const auto levels = core::get_levels(format.range);
  const double luma = 255 / levels.luma;
  const double chroma = 2 * 255 / levels.chroma;
  const auto fixed = [](double value, int bits) {
    return static_cast<std::int16_t>(std::lround(std::ldexp(value, bits)));
  };
  constexpr int kLumaBits = 16 + kFraction - 7;
  constexpr int kChromaBits = 16 + kFraction - 8;
  return {.black = static_cast<std::int16_t>(levels.black),
          .y = fixed(luma, kLumaBits),
          .u_to_b = fixed(chroma * (1 - k.blue), kChromaBits),
          .u_to_g = fixed(chroma * (1 - k.blue) * k.blue / k.green, kChromaBits),
          .v_to_g = fixed(chroma * (1 - k.red) * k.red / k.green, kChromaBits),
          .v_to_r = fixed(chroma * (1 - k.red), kChromaBits)};
}

void convert(const Picture& from, const MutablePicture& to) {
  HWY_DYNAMIC_DISPATCH(convert_yuv)(factors(from.format), from, to);
}

}  // namespace

void yuv_to_rgb(const Picture& from, const MutablePicture& to) {
  convert(from, to);
}

}  // namespace freshframe::media
#endif
