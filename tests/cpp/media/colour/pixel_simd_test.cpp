// Pixel conversions equal the formulas bit by bit, on every instruction set and at every width.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cpp/fingerprint.hpp"
#include "cpp/simd_targets.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

/// Widths around vector sizes (16, 32, 64 bytes), including odd ones.
constexpr std::array kWidths = {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 200};

struct ColourMeaning {
  ColorSpace space;
  ColorRange range;
};
constexpr std::array<ColourMeaning, 6> kColourMeanings = {{{ColorSpace::Bt601, ColorRange::Limited},
                                                           {ColorSpace::Bt601, ColorRange::Full},
                                                           {ColorSpace::Bt709, ColorRange::Limited},
                                                           {ColorSpace::Bt709, ColorRange::Full},
                                                           {ColorSpace::Bt2020, ColorRange::Limited},
                                                           {ColorSpace::Bt2020, ColorRange::Full}}};

struct Constants {
  double kr;
  double kb;
  bool full;
};

Constants constants(const PictureFormat& format) {
  const double kr = format.space == ColorSpace::Bt709    ? 0.2126
                    : format.space == ColorSpace::Bt2020 ? 0.2627
                                                         : 0.299;
  const double kb = format.space == ColorSpace::Bt709    ? 0.0722
                    : format.space == ColorSpace::Bt2020 ? 0.0593
                                                         : 0.114;
  return {kr, kb, format.range == ColorRange::Full};
}

/// Noise of all levels, with many extremes.
Frame noise(const PictureFormat& format) {
  FrameBuilder builder(format);
  unsigned state = static_cast<unsigned>(format.width) * 77 + static_cast<unsigned>(format.height);
  for (int i = 0; i < format.plane_count(); ++i) {
    const auto shape = format.plane_shape(i);
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x) {
        state = state * 1664525U + 1013904223U;
        const unsigned value = (state >> 16U) % 320;
        builder.plane(i)[y * builder.stride(i) + x] = static_cast<std::uint8_t>(value < 256      ? value
                                                                                : value % 2 == 0 ? 0
                                                                                                 : 255);
      }
    }
  }
  return std::move(builder).publish(pixel_ops());
}

Frame converted(const Frame& frame, PixelFormat to) {
  auto format = frame.picture_format();
  format.format = to;
  FrameBuilder builder(format);
  EXPECT_TRUE(pixel_ops().convert(frame.picture(), builder.picture()));
  return std::move(builder).publish(pixel_ops());
}

int at(const Frame& frame, int plane, int x, int y) {
  return frame.planes()[static_cast<std::size_t>(plane)].row(y)[x];
}

/// Fixed-point weights of red, green, blue. Green's is the remainder, so that their sum is exact.
std::array<long, 3> weights(double r, double b, double sum) {
  const long red = std::lround(r * 32768);
  const long blue = std::lround(b * 32768);
  return {red, std::lround(sum * 32768) - red - blue, blue};
}

/// Returns a component of the mean of `count` pixels. `sums`: the sums of their colours.
int component(const std::array<long, 3>& weight, const std::array<long, 3>& sums, int count, int zero) {
  const long value = weight[0] * sums[0] + weight[1] * sums[1] + weight[2] * sums[2];
  const double mean = static_cast<double>(value) / (32768.0 * count);  // exact: divided by a power of two
  return std::min(static_cast<int>(std::floor(mean + 0.5)) + zero, 255);
}

void expect_yuv(const Frame& rgb, const Frame& yuv) {
  const auto format = yuv.format();
  const auto [kr, kb, full] = constants(yuv.picture_format());
  const double luma = full ? 1.0 : 219.0 / 255.0;
  const double chroma = full ? 0.5 : 112.0 / 255.0;
  const auto y_weights = weights(luma * kr, luma * kb, luma);
  const auto u_weights = weights(-chroma * kr / (1 - kb), chroma, 0);
  const auto v_weights = weights(chroma, -chroma * kb / (1 - kr), 0);
  const bool red_first = rgb.format() == PixelFormat::Rgb;
  const auto sums = [&](int x, int y, int columns, int rows) {
    std::array<long, 3> sum{};
    for (int row = y; row < y + rows; ++row) {
      for (int column = x; column < x + columns; ++column) {
        const int px = std::min(column, rgb.width() - 1);
        const int py = std::min(row, rgb.height() - 1);
        for (int c = 0; c < 3; ++c) {
          sum[static_cast<std::size_t>(red_first ? c : 2 - c)] += at(rgb, 0, 3 * px + c, py);
        }
      }
    }
    return sum;
  };
  for (int y = 0; y < rgb.height(); ++y) {
    for (int x = 0; x < rgb.width(); ++x) {
      ASSERT_EQ(at(yuv, 0, x, y), component(y_weights, sums(x, y, 1, 1), 1, full ? 0 : 16)) << x << " " << y;
    }
  }
  if (format == PixelFormat::Gray) return;
  const int columns = format == PixelFormat::I444 ? 1 : 2;
  const int rows = format == PixelFormat::I420 || format == PixelFormat::Nv12 ? 2 : 1;
  for (int y = 0; y < (rgb.height() + rows - 1) / rows; ++y) {
    for (int x = 0; x < (rgb.width() + columns - 1) / columns; ++x) {
      const auto sum = sums(x * columns, y * rows, columns, rows);
      const bool nv12 = format == PixelFormat::Nv12;
      const int u = nv12 ? at(yuv, 1, 2 * x, y) : at(yuv, 1, x, y);
      const int v = nv12 ? at(yuv, 1, 2 * x + 1, y) : at(yuv, 2, x, y);
      ASSERT_EQ(u, component(u_weights, sum, rows * columns, 128)) << x << " " << y;
      ASSERT_EQ(v, component(v_weights, sum, rows * columns, 128)) << x << " " << y;
    }
  }
}

int high_half(int a, int b) {
  return (a * b) >> 16;
}

void expect_rgb(const Frame& yuv, const Frame& rgb) {
  const auto [kr, kb, full] = constants(yuv.picture_format());
  const auto fixed = [](double value, int bits) {
    return static_cast<int>(std::lround(std::ldexp(value, bits)));
  };
  const double chroma = full ? 2.0 : 2.0 * 255.0 / 224.0;
  const double kg = 1 - kr - kb;
  const int y_factor = fixed(full ? 1.0 : 255.0 / 219.0, 14);
  const int u_to_b = fixed(chroma * (1 - kb), 13);
  const int u_to_g = fixed(chroma * (1 - kb) * kb / kg, 13);
  const int v_to_g = fixed(chroma * (1 - kr) * kr / kg, 13);
  const int v_to_r = fixed(chroma * (1 - kr), 13);
  const auto format = yuv.format();
  const bool red_first = rgb.format() == PixelFormat::Rgb;
  for (int y = 0; y < yuv.height(); ++y) {
    for (int x = 0; x < yuv.width(); ++x) {
      const int cx = format == PixelFormat::I444 ? x : x / 2;
      const int cy = format == PixelFormat::I420 || format == PixelFormat::Nv12 ? y / 2 : y;
      int u = 128;
      int v = 128;
      if (format == PixelFormat::Nv12) {
        u = at(yuv, 1, 2 * cx, cy);
        v = at(yuv, 1, 2 * cx + 1, cy);
      } else if (format != PixelFormat::Gray) {
        u = at(yuv, 1, cx, cy);
        v = at(yuv, 2, cx, cy);
      }
      u = (u - 128) * 256;
      v = (v - 128) * 256;
      const int luma = high_half((at(yuv, 0, x, y) - (full ? 0 : 16)) * 128, y_factor) + 16;
      const auto level = [](int value) { return std::clamp(value >> 5, 0, 255); };
      const int red = level(luma + high_half(v, v_to_r));
      const int green = level(luma - high_half(u, u_to_g) - high_half(v, v_to_g));
      const int blue = level(luma + high_half(u, u_to_b));
      ASSERT_EQ(at(rgb, 0, 3 * x, y), red_first ? red : blue) << x << " " << y;
      ASSERT_EQ(at(rgb, 0, 3 * x + 1, y), green) << x << " " << y;
      ASSERT_EQ(at(rgb, 0, 3 * x + 2, y), red_first ? blue : red) << x << " " << y;
    }
  }
}

constexpr std::array kYuv = {PixelFormat::Gray, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422,
                             PixelFormat::I444};

template <class Check>
void on_every_target(const Check& check) {
  for (const auto target : simd_targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const OnlyTarget only(target);
    for (const auto& [space, range] : kColourMeanings) {
      for (const int width : kWidths) {
        SCOPED_TRACE(width);
        check(PictureFormat{width, 1 + width % 4, PixelFormat::Gray, range, space});
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

TEST(MediaPixelSimd, RgbToYuvIsTheFormulaOnEveryInstructionSet) {
  on_every_target([](PictureFormat format) {
    for (const auto from : {PixelFormat::Bgr, PixelFormat::Rgb}) {
      format.format = from;
      const auto rgb = noise(format);
      for (const auto to : kYuv) expect_yuv(rgb, converted(rgb, to));
    }
  });
}

TEST(MediaPixelSimd, YuvToRgbIsTheFormulaOnEveryInstructionSet) {
  on_every_target([](PictureFormat format) {
    for (const auto from : kYuv) {
      format.format = from;
      const auto yuv = noise(format);
      for (const auto to : {PixelFormat::Bgr, PixelFormat::Rgb}) expect_rgb(yuv, converted(yuv, to));
    }
  });
}

void add_pixels(Fingerprint& found, const Frame& frame) {
  for (const auto& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y) {
      for (int x = 0; x < plane.row_bytes; ++x) found.add(plane.row(y)[x]);
    }
  }
}

// The fingerprint was computed on x86-64.
TEST(MediaPixelSimd, X86AndArmGiveTheSameBits) {
  Fingerprint found;
  for (const auto& [space, range] : kColourMeanings) {
    PictureFormat format{201, 37, PixelFormat::Gray, range, space};
    for (const auto from : {PixelFormat::Bgr, PixelFormat::Rgb}) {
      for (const auto to : kYuv) {
        format.format = from;
        add_pixels(found, converted(noise(format), to));
        format.format = to;
        add_pixels(found, converted(noise(format), from));
      }
    }
  }
  EXPECT_EQ(found.value(), 0x3bfcb2cc1515829fU);
}

}  // namespace
}  // namespace freshframe::test
