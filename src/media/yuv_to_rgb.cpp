// Gray and YUV to packed RGB with the picture's own matrix and range, exact to one rounding.
//
// libyuv has this conversion too, but its 6-bit coefficients end at 2, where blue needs 2.02 (BT.601), 2.11
// (BT.709) and 2.14 (BT.2020) in limited range: saturated blue is up to 16 levels off. The loops here are
// plain so that the compiler vectorises them; on x86 they exist twice, the second for AVX2.
//
// Chroma is not interpolated (each sample colours its own 2x2 or 2x1 pixels), as in cv2 and FFmpeg's fast
// path. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "media/pixel_conversions.hpp"
#include <libyuv.h>

#if defined(__x86_64__)
#define FRESHFRAME_AVX2 [[gnu::target("avx2")]]
#endif

namespace freshframe {
namespace {

/// Factors in 16 bits, such that the high half of a product with a component (shifted up as said) has
/// kFraction bits of fraction.
struct Factors {
  std::int16_t black;   // luma of black
  std::int16_t y;       // times luma << 7
  std::int16_t u_to_b;  // times (chroma - 128) << 8, as the next three
  std::int16_t u_to_g;
  std::int16_t v_to_g;
  std::int16_t v_to_r;
};

constexpr int kFraction = 5;

Factors factors(const PictureFormat& format) {
  const auto space = matrix_of(format);
  const double kr = space == ColorSpace::Bt709 ? 0.2126 : space == ColorSpace::Bt2020 ? 0.2627 : 0.299;
  const double kb = space == ColorSpace::Bt709 ? 0.0722 : space == ColorSpace::Bt2020 ? 0.0593 : 0.114;
  const bool full = format.range == ColorRange::Full;
  const double luma = full ? 1.0 : 255.0 / 219.0;
  const double chroma = full ? 2.0 : 2.0 * 255.0 / 224.0;
  const auto fixed = [](double value, int bits) {
    return static_cast<std::int16_t>(std::lround(std::ldexp(value, bits)));
  };
  constexpr int kLumaBits = 16 + kFraction - 7;
  constexpr int kChromaBits = 16 + kFraction - 8;
  const double kg = 1 - kr - kb;
  return {.black = static_cast<std::int16_t>(full ? 0 : 16),
          .y = fixed(luma, kLumaBits),
          .u_to_b = fixed(chroma * (1 - kb), kChromaBits),
          .u_to_g = fixed(chroma * (1 - kb) * kb / kg, kChromaBits),
          .v_to_g = fixed(chroma * (1 - kr) * kr / kg, kChromaBits),
          .v_to_r = fixed(chroma * (1 - kr), kChromaBits)};
}

[[gnu::always_inline]] inline std::int16_t high_half(std::int16_t a, std::int16_t b) {
  return static_cast<std::int16_t>((a * b) >> 16);
}

[[gnu::always_inline]] inline std::uint8_t level(int value) {
  const auto rounded = static_cast<std::int16_t>(static_cast<std::int16_t>(value) >> kFraction);
  const std::int16_t low = rounded < 0 ? std::int16_t{0} : rounded;  // std::clamp keeps it from vectorising
  return static_cast<std::uint8_t>(low > 255 ? std::int16_t{255} : low);
}

/// Rows are padded to whole blocks: loops of constant length, with one target each and in 16 bits throughout,
/// are what every optimisation level turns into vector code.
constexpr int kBlock = 32;

[[gnu::always_inline]] inline void convert_block(const Factors f, const std::uint8_t* __restrict yuv,
                                                 std::uint8_t* __restrict colors, std::ptrdiff_t pitch) {
  constexpr int kHalf = 1 << (kFraction - 1);
  std::int16_t
      y[kBlock];  // NOLINT(modernize-avoid-c-arrays): std::array's functions are calls without optimisation
  std::int16_t u[kBlock];  // NOLINT(modernize-avoid-c-arrays)
  std::int16_t v[kBlock];  // NOLINT(modernize-avoid-c-arrays)
  for (int i = 0; i < kBlock; ++i) {
    y[i] = static_cast<std::int16_t>(high_half(static_cast<std::int16_t>((yuv[i] - f.black) * 128), f.y) +
                                     kHalf);
  }
  for (int i = 0; i < kBlock; ++i) u[i] = static_cast<std::int16_t>((yuv[pitch + i] - 128) * 256);
  for (int i = 0; i < kBlock; ++i) v[i] = static_cast<std::int16_t>((yuv[2 * pitch + i] - 128) * 256);
  for (int i = 0; i < kBlock; ++i) colors[i] = level(y[i] + high_half(v[i], f.v_to_r));
  for (int i = 0; i < kBlock; ++i) {
    colors[pitch + i] = level(y[i] - high_half(u[i], f.u_to_g) - high_half(v[i], f.v_to_g));
  }
  for (int i = 0; i < kBlock; ++i) colors[2 * pitch + i] = level(y[i] + high_half(u[i], f.u_to_b));
}

/// `yuv` holds a row of each component, `pitch` bytes long, one after the other; `colors` takes rows of red,
/// green and blue. `pitch` is a multiple of kBlock.
[[gnu::always_inline]] inline void convert_blocks(const Factors& f, const std::uint8_t* yuv,
                                                  std::uint8_t* colors, std::ptrdiff_t pitch) {
  for (std::ptrdiff_t x = 0; x < pitch; x += kBlock) convert_block(f, yuv + x, colors + x, pitch);
}

void convert_row_plain(const Factors& f, const std::uint8_t* yuv, std::uint8_t* colors,
                       std::ptrdiff_t pitch) {
  convert_blocks(f, yuv, colors, pitch);
}

#if defined(FRESHFRAME_AVX2)
FRESHFRAME_AVX2 void convert_row_avx2(const Factors& f, const std::uint8_t* yuv, std::uint8_t* colors,
                                      std::ptrdiff_t pitch) {
  convert_blocks(f, yuv, colors, pitch);
}
#endif

using ConvertRow = void (*)(const Factors&, const std::uint8_t*, std::uint8_t*, std::ptrdiff_t);

ConvertRow best_convert_row() {
#if defined(FRESHFRAME_AVX2)
  if (__builtin_cpu_supports("avx2")) return convert_row_avx2;
#endif
  return convert_row_plain;
}

void double_samples(const std::uint8_t* __restrict from, std::uint8_t* __restrict to, int samples) {
  for (std::ptrdiff_t x = 0; x < samples; ++x) {
    to[2 * x] = from[x];
    to[2 * x + 1] = from[x];
  }
}

/// The components of one picture row after the other, a sample of each per pixel.
class ComponentRows {
 public:
  explicit ComponentRows(const Picture& from)
      : from_(from),
        width_(static_cast<std::size_t>(from.format.width)),
        pitch_((width_ + kBlock - 1) / kBlock * kBlock),
        samples_((from.format.width + 1) / 2),
        rows_(3 * pitch_, 128),
        half_(2 * static_cast<std::size_t>(samples_)) {}

  [[nodiscard]] std::size_t pitch() const noexcept { return pitch_; }

  /// Luma, then u, then v of row `y`. Ask for the rows in order.
  const std::uint8_t* load(int y) {
    std::memcpy(rows_.data(), plane_of(from_, 0).row(y), width_);
    const auto format = from_.format.format;
    if (format == PixelFormat::I444) {
      std::memcpy(u(), plane_of(from_, 1).row(y), width_);
      std::memcpy(v(), plane_of(from_, 2).row(y), width_);
    } else if (format == PixelFormat::I422) {
      spread(plane_of(from_, 1).row(y), plane_of(from_, 2).row(y));
    } else if (format == PixelFormat::I420 && y % 2 == 0) {
      spread(plane_of(from_, 1).row(y / 2), plane_of(from_, 2).row(y / 2));
    } else if (format == PixelFormat::Nv12 && y % 2 == 0) {
      auto* half_v = half_.data() + samples_;
      libyuv::SplitUVPlane(plane_of(from_, 1).row(y / 2), 0, half_.data(), 0, half_v, 0, samples_, 1);
      spread(half_.data(), half_v);
    }
    return rows_.data();
  }

 private:
  [[nodiscard]] std::uint8_t* u() { return rows_.data() + pitch_; }
  [[nodiscard]] std::uint8_t* v() { return rows_.data() + 2 * pitch_; }

  void spread(const std::uint8_t* half_u, const std::uint8_t* half_v) {
    double_samples(half_u, u(), samples_);
    double_samples(half_v, v(), samples_);
  }

  const Picture& from_;
  std::size_t width_;
  std::size_t pitch_;  // has room for the pairs that double_samples() writes
  int samples_;
  std::vector<std::uint8_t> rows_;
  std::vector<std::uint8_t> half_;
};

}  // namespace

void yuv_to_rgb(const Picture& from, const Picture& to) {
  static const ConvertRow convert_row = best_convert_row();
  const auto f = factors(from.format);
  const int width = from.format.width;
  const bool bgr = to.format.format == PixelFormat::Bgr;
  ComponentRows rows(from);
  std::vector<std::uint8_t> colors(3 * rows.pitch());
  const auto* red = colors.data();
  const auto* green = red + rows.pitch();
  const auto* blue = green + rows.pitch();
  for (int y = 0; y < from.format.height; ++y) {
    convert_row(f, rows.load(y), colors.data(), static_cast<std::ptrdiff_t>(rows.pitch()));
    libyuv::MergeRGBPlane(bgr ? blue : red, 0, green, 0, bgr ? red : blue, 0, writable(to, 0, y), 0, width,
                          1);
  }
}

}  // namespace freshframe
