// Packed RGB to gray and YUV in 15-bit fixed point, with the matrices and ranges of ITU-R BT.601, 709, 2020.
// Compiled once per instruction set by Highway's foreach_target.
//
// libyuv has only BT.601 in this direction, with 7-bit coefficients (errors of up to 2 levels). This is exact
// to one rounding. Subsampled chroma is computed from the mean colour of its pixels.
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
#define HWY_TARGET_INCLUDE "media/colour/rgb_to_yuv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FRESHFRAME_RGB_TO_YUV_ONCE
#define FRESHFRAME_RGB_TO_YUV_ONCE
namespace freshframe::media {

constexpr int kRgbBits = 15;

/// value = ((a * first + b * second + c * third + 1/2) >> kRgbBits) + zero, for the bytes of a pixel in
/// memory order.
struct RgbWeights {
  std::int16_t first = 0;
  std::int16_t second = 0;
  std::int16_t third = 0;
  std::int16_t zero = 0;
};

struct RgbMatrix {
  RgbWeights y;
  RgbWeights u;
  RgbWeights v;
};

}  // namespace freshframe::media
#endif

HWY_BEFORE_NAMESPACE();
namespace freshframe::media::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Two rows of an image, or the same row twice.
struct RowPair {
  const std::uint8_t* rgb[2];
  std::uint8_t* y[2];
  std::uint8_t* u;
  std::uint8_t* v;
};

/// log2 of the number of pixels averaged for one chroma sample. A single row counts twice.
template <ChromaLayout kChroma>
constexpr int kChromaShift = kChroma == ChromaLayout::Halved || kChroma == ChromaLayout::Interleaved ? 2 : 0;

#if HWY_TARGET == HWY_SCALAR  // without SIMD: two pixels at a time, because they share a chroma sample

inline std::size_t lanes() {
  return 2;
}

template <ChromaLayout kChroma>
class Block {
 public:
  explicit Block(const RgbMatrix& matrix) : matrix_(matrix) {}

  void operator()(const RowPair& rows, std::size_t x) const {
    constexpr int kShift = kChromaShift<kChroma>;
    for (int row = 0; row < (kShift == 0 ? 1 : 2); ++row) {
      for (std::size_t k = 0; k < 2; ++k) {
        const std::uint8_t* const pixel = rows.rgb[row] + 3 * (x + k);
        const Sums sums{pixel[0], pixel[1], pixel[2]};
        rows.y[row][x + k] = weigh<0>(matrix_.y, sums);
        if constexpr (kChroma == ChromaLayout::Full) {
          rows.u[x + k] = weigh<0>(matrix_.u, sums);
          rows.v[x + k] = weigh<0>(matrix_.v, sums);
        }
      }
    }
    if constexpr (kShift != 0) {
      const std::uint8_t* const above = rows.rgb[0] + 3 * x;
      const std::uint8_t* const below = rows.rgb[1] + 3 * x;
      Sums sums{};
      for (std::size_t c = 0; c < 3; ++c) sums[c] = above[c] + above[c + 3] + below[c] + below[c + 3];
      const bool halved = kChroma == ChromaLayout::Halved;
      *(halved ? rows.u + x / 2 : rows.u + x) = weigh<kShift>(matrix_.u, sums);
      *(halved ? rows.v + x / 2 : rows.u + x + 1) = weigh<kShift>(matrix_.v, sums);
    }
  }

 private:
  using Sums = std::array<int, 3>;

  template <int kShift>
  static std::uint8_t weigh(const RgbWeights& w, const Sums& sums) {
    const int value = w.first * sums[0] + w.second * sums[1] + w.third * sums[2];
    constexpr int kBits = kRgbBits + kShift;
    const int level = ((value + (1 << (kBits - 1))) >> kBits) + w.zero;
    return static_cast<std::uint8_t>(level > 255 ? 255 : level);  // full range: pure blue is 255.5
  }

  RgbMatrix matrix_;
};

#else

using D8 = hn::ScalableTag<std::uint8_t>;
using D16 = hn::ScalableTag<std::int16_t>;
using D32 = hn::ScalableTag<std::int32_t>;
using DHalf8 = hn::Rebind<std::uint8_t, D16>;
using V8 = hn::Vec<D8>;
using V16 = hn::Vec<D16>;
using V32 = hn::Vec<D32>;

/// Even and odd values of one component, 16 bits each.
struct Split {
  V16 even;
  V16 odd;
};

HWY_INLINE Split split(V8 v) {
  const hn::RebindToUnsigned<D16> d;
  const auto words = hn::BitCast(d, v);
  return {hn::BitCast(D16(), hn::And(words, hn::Set(d, 0xFF))), hn::BitCast(D16(), hn::ShiftRight<8>(words))};
}

HWY_INLINE V8 join(V16 even, V16 odd) {
  return hn::BitCast(D8(), hn::Or(even, hn::ShiftLeft<8>(odd)));
}

/// For each pair (a, b), returns a * (low half of `weights`) + b * (high half).
HWY_INLINE V32 weigh_pairs(V16 pairs, V16 weights) {
#if HWY_ARCH_X86
  V32 unused = hn::Zero(D32());
  return hn::ReorderWidenMulAccumulate(D32(), pairs, weights, unused, unused);
#else
  const auto low = [](V16 v)
                       HWY_ATTR { return hn::ShiftRight<16>(hn::ShiftLeft<16>(hn::BitCast(D32(), v))); };
  const auto high = [](V16 v) HWY_ATTR { return hn::ShiftRight<16>(hn::BitCast(D32(), v)); };
  return hn::Add(hn::Mul(low(pairs), low(weights)), hn::Mul(high(pairs), high(weights)));
#endif
}

/// Applies RgbWeights to sums of 1 << kShift pixels.
template <int kShift>
class Weigher {
 public:
  explicit HWY_INLINE Weigher(const RgbWeights& weights)
      : front_(pair(weights.first, weights.second)),
        back_(pair(weights.third, 1 << (kRgbBits - 1))),
        zero_(hn::Set(D16(), weights.zero)) {}

  /// The sums may be up to 255 << kShift; the result is up to 256.
  HWY_INLINE V16 operator()(V16 first, V16 second, V16 third) const {
    const auto one = hn::Set(D16(), 1 << kShift);
    const V32 lower = hn::Add(weigh_pairs(hn::InterleaveLower(first, second), front_),
                              weigh_pairs(hn::InterleaveLower(third, one), back_));
    const V32 upper = hn::Add(weigh_pairs(hn::InterleaveUpper(D16(), first, second), front_),
                              weigh_pairs(hn::InterleaveUpper(D16(), third, one), back_));
    // ReorderDemote2To undoes the order of InterleaveLower and InterleaveUpper.
    return hn::Add(hn::ReorderDemote2To(D16(), hn::ShiftRight<kRgbBits + kShift>(lower),
                                        hn::ShiftRight<kRgbBits + kShift>(upper)),
                   zero_);
  }

 private:
  static HWY_INLINE V16 pair(int low, int high) {
    return hn::BitCast(D16(),
                       hn::Set(D32(), static_cast<std::int32_t>((static_cast<std::uint32_t>(high) << 16) |
                                                                (static_cast<std::uint32_t>(low) & 0xFFFF))));
  }

  V16 front_;
  V16 back_;
  V16 zero_;
};

struct Rgb {
  Split first;
  Split second;
  Split third;
};

HWY_INLINE Rgb load_rgb(const std::uint8_t* from) {
  V8 first;
  V8 second;
  V8 third;
  hn::LoadInterleaved3(D8(), from, first, second, third);
  return {split(first), split(second), split(third)};
}

HWY_INLINE void store_joined(const Split& values, std::uint8_t* to) {
  hn::StoreU(join(values.even, values.odd), D8(), to);
}

template <class W>
HWY_INLINE Split weigh(const W& weigher, const Rgb& pixels) {
  return {weigher(pixels.first.even, pixels.second.even, pixels.third.even),
          weigher(pixels.first.odd, pixels.second.odd, pixels.third.odd)};
}

HWY_INLINE V16 at_most_255(V16 v) {  // full range: pure blue is 255.5
  return hn::Min(v, hn::Set(D16(), 255));
}

/// Converts lanes() pixels, starting at `x`.
template <ChromaLayout kChroma>
class Block {
 public:
  explicit HWY_INLINE Block(const RgbMatrix& matrix) : y_(matrix.y), u_(matrix.u), v_(matrix.v) {}

  HWY_INLINE void operator()(const RowPair& rows, std::size_t x) const {
    const Rgb above = load_rgb(rows.rgb[0] + 3 * x);
    store_joined(weigh(y_, above), rows.y[0] + x);
    if constexpr (kChroma == ChromaLayout::Full) {
      const Split u = weigh(u_, above);
      const Split v = weigh(v_, above);
      store_joined({at_most_255(u.even), at_most_255(u.odd)}, rows.u + x);
      store_joined({at_most_255(v.even), at_most_255(v.odd)}, rows.v + x);
    } else if constexpr (kChroma != ChromaLayout::None) {
      const Rgb below = load_rgb(rows.rgb[1] + 3 * x);
      store_joined(weigh(y_, below), rows.y[1] + x);
      const V16 first = sum(above.first, below.first);
      const V16 second = sum(above.second, below.second);
      const V16 third = sum(above.third, below.third);
      const V16 u = at_most_255(u_(first, second, third));
      const V16 v = at_most_255(v_(first, second, third));
      if constexpr (kChroma == ChromaLayout::Interleaved) {
        hn::StoreU(join(u, v), D8(), rows.u + x);
      } else {
        hn::StoreU(hn::DemoteTo(DHalf8(), u), DHalf8(), rows.u + x / 2);
        hn::StoreU(hn::DemoteTo(DHalf8(), v), DHalf8(), rows.v + x / 2);
      }
    }
  }

 private:
  static HWY_INLINE V16 sum(const Split& above, const Split& below) {
    return hn::Add(hn::Add(above.even, above.odd), hn::Add(below.even, below.odd));
  }

  Weigher<0> y_;
  Weigher<kChromaShift<kChroma>> u_;
  Weigher<kChromaShift<kChroma>> v_;
};

inline std::size_t lanes() {
  return hn::Lanes(D8());
}

#endif

constexpr std::size_t kMostLanes = HWY_MAX_BYTES;

/// Converts the last pixels of a row, fewer than lanes(). Repeats the last column to fill up.
template <ChromaLayout kChroma>
HWY_NOINLINE void convert_tail(const Block<kChroma>& block, const RowPair& rows, std::size_t x,
                               std::size_t width) {
  const std::size_t left = width - x;
  std::array<std::uint8_t, 3 * kMostLanes> rgb[2];
  std::array<std::uint8_t, kMostLanes> out[4];
  for (int i = 0; i < 2; ++i) {
    std::memcpy(rgb[i].data(), rows.rgb[i] + 3 * x, 3 * left);
    for (std::size_t k = left; k < lanes(); ++k) {
      std::memcpy(rgb[i].data() + 3 * k, rgb[i].data() + 3 * (left - 1), 3);
    }
  }
  block({{rgb[0].data(), rgb[1].data()}, {out[0].data(), out[1].data()}, out[2].data(), out[3].data()}, 0);
  std::memcpy(rows.y[0] + x, out[0].data(), left);
  if constexpr (kChroma == ChromaLayout::Full) {
    std::memcpy(rows.u + x, out[2].data(), left);
    std::memcpy(rows.v + x, out[3].data(), left);
  } else if constexpr (kChroma != ChromaLayout::None) {
    std::memcpy(rows.y[1] + x, out[1].data(), left);
    const std::size_t samples = (left + 1) / 2;
    if constexpr (kChroma == ChromaLayout::Interleaved) {
      std::memcpy(rows.u + x, out[2].data(), 2 * samples);
    } else {
      std::memcpy(rows.u + x / 2, out[2].data(), samples);
      std::memcpy(rows.v + x / 2, out[3].data(), samples);
    }
  }
}

template <ChromaLayout kChroma>
HWY_NOINLINE void convert_rows(const RgbMatrix& matrix, const Picture& from, const MutablePicture& to) {
  const auto width = static_cast<std::size_t>(to.format.width);
  const int height = to.format.height;
  const bool half_height = has_half_chroma_rows(to.format.format);
  const int step = half_height ? 2 : 1;
  const std::size_t at_once = lanes();
  const Block<kChroma> block(matrix);
  for (int y = 0; y < height; y += step) {
    const int below = half_height && y + 1 < height ? y + 1 : y;
    // NOLINTNEXTLINE(misc-const-correctness): written for images with colour
    RowPair rows{{view_plane(from, 0).row(y), view_plane(from, 0).row(below)},
                 {to.row(0, y), to.row(0, below)},
                 nullptr,
                 nullptr};
    if constexpr (kChroma != ChromaLayout::None) rows.u = to.row(1, y / step);
    if constexpr (kChroma == ChromaLayout::Full || kChroma == ChromaLayout::Halved)
      rows.v = to.row(2, y / step);
    std::size_t x = 0;
    for (; x + at_once <= width; x += at_once) block(rows, x);
    if (x < width) convert_tail(block, rows, x, width);
  }
}

void convert_rgb(const RgbMatrix& matrix, const Picture& from, const MutablePicture& to) {
  with_chroma_layout(to.format.format,
                     [&](auto layout) { convert_rows<decltype(layout)::value>(matrix, from, to); });
}

}  // namespace freshframe::media::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::media {
namespace {

HWY_EXPORT(convert_rgb);

/// Rounds the middle coefficient so that the sum is exact, which makes white and gray exact.
RgbWeights fixed(double r, double b, double sum, int zero, bool red_first) {
  constexpr double kOne = 1 << kRgbBits;
  const auto red = static_cast<std::int16_t>(std::lround(r * kOne));
  const auto blue = static_cast<std::int16_t>(std::lround(b * kOne));
  const auto green = static_cast<std::int16_t>(std::lround(sum * kOne) - red - blue);
  return {red_first ? red : blue, green, red_first ? blue : red, static_cast<std::int16_t>(zero)};
}

RgbMatrix matrix(const PictureFormat& format, bool red_first) {
  const auto k = core::luma_weights(core::choose_matrix(format));
  const auto levels = core::get_levels(format.range);
  const double luma = levels.luma / 255;
  const double chroma = 0.5 * levels.chroma / 255;
  return {.y = fixed(luma * k.red, luma * k.blue, luma, static_cast<int>(levels.black), red_first),
          .u = fixed(-chroma * k.red / (1 - k.blue), chroma, 0, 128, red_first),
          .v = fixed(chroma, -chroma * k.blue / (1 - k.red), 0, 128, red_first)};
}

void convert(const Picture& from, const MutablePicture& to) {
  const auto weights = matrix(to.format, from.format.format == PixelFormat::Rgb);
  HWY_DYNAMIC_DISPATCH(convert_rgb)(weights, from, to);
}

}  // namespace

void rgb_to_yuv(const Picture& from, const MutablePicture& to) {
  convert(from, to);
}

}  // namespace freshframe::media
#endif
