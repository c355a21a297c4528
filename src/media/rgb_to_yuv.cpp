// Packed RGB to gray and YUV in 15-bit fixed point, for the matrices and ranges of ITU-R BT.601, 709, 2020.
//
// libyuv has only BT.601 in this direction, with 7-bit coefficients (up to 2 grey levels off); this is exact
// to one rounding. Chroma of several pixels is that of their mean colour.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/pixel_conversions.hpp"
#include <libyuv.h>

namespace freshframe {
namespace {

constexpr int kBits = 15;

/// value = (r * R + g * G + b * B + offset) >> kBits
struct Weights {
  std::int32_t r = 0;
  std::int32_t g = 0;
  std::int32_t b = 0;
  std::int32_t offset = 0;
};

struct Matrix {
  Weights y;
  Weights u;
  Weights v;
};

/// The middle coefficient makes the sum exact, so white and gray come out exact.
Weights fixed(double r, double b, double sum, double zero) {
  constexpr double kOne = 1 << kBits;
  Weights row;
  row.r = static_cast<std::int32_t>(std::lround(r * kOne));
  row.b = static_cast<std::int32_t>(std::lround(b * kOne));
  row.g = static_cast<std::int32_t>(std::lround(sum * kOne)) - row.r - row.b;
  row.offset = static_cast<std::int32_t>(std::lround((zero + 0.5) * kOne));
  return row;
}

Matrix matrix(const PictureFormat& format) {
  struct Primaries {
    double r;
    double b;
  };
  const auto space = matrix_of(format);
  const Primaries k = space == ColorSpace::Bt709    ? Primaries{0.2126, 0.0722}
                      : space == ColorSpace::Bt2020 ? Primaries{0.2627, 0.0593}
                                                    : Primaries{0.299, 0.114};
  const bool full = format.range == ColorRange::Full;
  const double luma = full ? 1.0 : 219.0 / 255.0;
  const double chroma = full ? 0.5 : 112.0 / 255.0;
  Matrix result;
  result.y = fixed(luma * k.r, luma * k.b, luma, full ? 0 : 16);
  result.u = fixed(-chroma * k.r / (1 - k.b), chroma, 0, 128);
  result.v = fixed(chroma, -chroma * k.b / (1 - k.r), 0, 128);
  return result;
}

/// One row of pixels as three rows of components.
struct SplitRow {
  explicit SplitRow(int width)
      : r(static_cast<std::size_t>(width)),
        g(static_cast<std::size_t>(width)),
        b(static_cast<std::size_t>(width)) {}

  void load(const Picture& from, int y) {
    const bool rgb = from.format.format == PixelFormat::Rgb;
    libyuv::SplitRGBPlane(plane_of(from, 0).row(y), 0, rgb ? r.data() : b.data(), 0, g.data(), 0,
                          rgb ? b.data() : r.data(), 0, static_cast<int>(r.size()), 1);
  }

  std::vector<std::uint8_t> r;
  std::vector<std::uint8_t> g;
  std::vector<std::uint8_t> b;
};

/// Sums of the colours of 1, 2 or 4 pixels per chroma sample, `shift` = log2 of their number.
struct ColorSums {
  explicit ColorSums(int width)
      : r(static_cast<std::size_t>(width)),
        g(static_cast<std::size_t>(width)),
        b(static_cast<std::size_t>(width)) {}

  std::vector<std::uint16_t> r;
  std::vector<std::uint16_t> g;
  std::vector<std::uint16_t> b;
};

void luma_row(const Weights& row, const SplitRow& pixels, std::uint8_t* out) {
  const auto* const r = pixels.r.data();
  const auto* const g = pixels.g.data();
  const auto* const b = pixels.b.data();
  const auto count = static_cast<int>(pixels.r.size());
  for (int x = 0; x < count; ++x) {
    out[x] = static_cast<std::uint8_t>((row.r * r[x] + row.g * g[x] + row.b * b[x] + row.offset) >> kBits);
  }
}

void add_pairs(const std::vector<std::uint8_t>& from, std::vector<std::uint16_t>& sums, bool add) {
  const auto pairs = from.size() / 2;
  for (std::size_t x = 0; x < pairs; ++x) {
    const auto sum = from[2 * x] + from[2 * x + 1] + (add ? sums[x] : 0);
    sums[x] = static_cast<std::uint16_t>(sum);
  }
  if (from.size() % 2 != 0) {  // the last column stands for the missing one too
    sums[pairs] = static_cast<std::uint16_t>(2 * from.back() + (add ? sums[pairs] : 0));
  }
}

void load_single(const std::vector<std::uint8_t>& from, std::vector<std::uint16_t>& sums) {
  std::copy(from.begin(), from.end(), sums.begin());
}

void chroma_row(const Weights& row, const ColorSums& sums, int shift, std::uint8_t* out) {
  const auto* const r = sums.r.data();
  const auto* const g = sums.g.data();
  const auto* const b = sums.b.data();
  const auto count = static_cast<int>(sums.r.size());
  const std::int32_t offset = row.offset << shift;
  const int bits = kBits + shift;
  for (int x = 0; x < count; ++x) {
    const auto value = (row.r * r[x] + row.g * g[x] + row.b * b[x] + offset) >> bits;
    out[x] = static_cast<std::uint8_t>(std::min(value, 255));  // full range: pure blue is 255.5
  }
}

/// Writes chroma where the layout wants it: two planes, or one interleaved.
class ChromaWriter {
 public:
  ChromaWriter(const Picture& to, int samples)
      : to_(to), u_(static_cast<std::size_t>(samples)), v_(static_cast<std::size_t>(samples)) {}

  void write(const Matrix& matrix, const ColorSums& sums, int shift, int y) {
    if (to_.format.format != PixelFormat::Nv12) {
      chroma_row(matrix.u, sums, shift, writable(to_, 1, y));
      chroma_row(matrix.v, sums, shift, writable(to_, 2, y));
      return;
    }
    chroma_row(matrix.u, sums, shift, u_.data());
    chroma_row(matrix.v, sums, shift, v_.data());
    libyuv::MergeUVPlane(u_.data(), 0, v_.data(), 0, writable(to_, 1, y), 0, static_cast<int>(u_.size()), 1);
  }

 private:
  const Picture& to_;
  std::vector<std::uint8_t> u_;
  std::vector<std::uint8_t> v_;
};

}  // namespace

void rgb_to_yuv(const Picture& from, const Picture& to) {
  const auto format = to.format.format;
  const int height = to.format.height;
  const bool has_chroma = format != PixelFormat::Gray;
  const bool full_width = format == PixelFormat::I444;
  const bool half_height = format == PixelFormat::I420 || format == PixelFormat::Nv12;
  const Matrix weights = matrix(to.format);
  SplitRow pixels(to.format.width);
  const int samples = full_width ? to.format.width : (to.format.width + 1) / 2;
  ColorSums sums(samples);
  ChromaWriter chroma(to, samples);
  for (int y = 0; y < height; ++y) {
    pixels.load(from, y);
    luma_row(weights.y, pixels, writable(to, 0, y));
    if (!has_chroma) continue;
    if (full_width) {
      load_single(pixels.r, sums.r);
      load_single(pixels.g, sums.g);
      load_single(pixels.b, sums.b);
      chroma.write(weights, sums, 0, y);
      continue;
    }
    const bool second = half_height && y % 2 != 0;
    add_pairs(pixels.r, sums.r, second);
    add_pairs(pixels.g, sums.g, second);
    add_pairs(pixels.b, sums.b, second);
    if (!half_height) {
      chroma.write(weights, sums, 1, y);
    } else if (second) {
      chroma.write(weights, sums, 2, y / 2);
    } else if (y == height - 1) {
      chroma.write(weights, sums, 1, y / 2);
    }
  }
}

}  // namespace freshframe
