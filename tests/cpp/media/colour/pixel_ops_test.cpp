// Conversions of pixels: every pair of formats, matrix and range, compared with libswscale and the formulas.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/ptr.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::array kAll = {PixelFormat::Gray, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422,
                             PixelFormat::I444, PixelFormat::Bgr,  PixelFormat::Rgb};

bool is_rgb(PixelFormat format) {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb;
}

struct Color {
  double r;
  double g;
  double b;
};

/// Straight from ITU-R BT.601/709/2020: Y, Cb, Cr in 8 bits, not rounded.
std::array<double, 3> reference_yuv(const Color& color, ColorSpace space, ColorRange range) {
  const double kr = space == ColorSpace::Bt709 ? 0.2126 : space == ColorSpace::Bt2020 ? 0.2627 : 0.299;
  const double kb = space == ColorSpace::Bt709 ? 0.0722 : space == ColorSpace::Bt2020 ? 0.0593 : 0.114;
  const double y = kr * color.r + (1 - kr - kb) * color.g + kb * color.b;
  const double cb = (color.b - y) / (2 * (1 - kb));
  const double cr = (color.r - y) / (2 * (1 - kr));
  if (range == ColorRange::Full) return {y, cb + 128, cr + 128};
  return {16 + y * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255};
}

/// Bands of one colour each, 16 pixels wide and high: chroma siting does not matter inside them.
constexpr int kBand = 16;
const std::vector<Color> kColors = {{0, 0, 0},       {255, 255, 255}, {255, 0, 0},   {0, 255, 0},
                                    {0, 0, 255},     {255, 255, 0},   {0, 255, 255}, {255, 0, 255},
                                    {128, 128, 128}, {200, 30, 90},   {17, 99, 180}, {250, 130, 10},
                                    {1, 2, 3},       {90, 200, 77}};

Frame bands(PixelFormat format, ColorRange range, ColorSpace space, int height = kBand) {
  const int width = kBand * static_cast<int>(kColors.size());
  FrameBuilder builder({width, height, format, range, space});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto& color = kColors[static_cast<std::size_t>(x / kBand)];
      auto* pixel = builder.plane(0) + y * builder.stride(0) + 3 * x;
      const bool bgr = format == PixelFormat::Bgr;
      pixel[0] = static_cast<std::uint8_t>(bgr ? color.b : color.r);
      pixel[1] = static_cast<std::uint8_t>(color.g);
      pixel[2] = static_cast<std::uint8_t>(bgr ? color.r : color.b);
    }
  }
  return std::move(builder).publish(pixel_ops());
}

using Matter = std::tuple<ColorSpace, ColorRange>;

class MediaPixelOps : public ::testing::TestWithParam<Matter> {};

TEST_P(MediaPixelOps, RgbToYuvIsTheStandardsMatrixToOneRounding) {
  const auto [space, range] = GetParam();
  for (const auto from : {PixelFormat::Bgr, PixelFormat::Rgb}) {
    const auto rgb = bands(from, range, space);
    for (const auto to : {PixelFormat::Gray, PixelFormat::I444, PixelFormat::I422, PixelFormat::I420}) {
      const auto yuv = rgb.to(to);
      const bool half_width = to != PixelFormat::I444;
      const bool half_height = to == PixelFormat::I420;
      for (std::size_t i = 0; i < kColors.size(); ++i) {
        const auto wanted = reference_yuv(kColors[i], space, range);
        const int x = static_cast<int>(i) * kBand + kBand / 2;
        const int y = kBand / 2;
        EXPECT_NEAR(yuv.planes()[0].row(y)[x], wanted[0], 0.51) << i;
        for (std::size_t plane = 1; plane < yuv.planes().size(); ++plane) {
          const auto* row = yuv.planes()[plane].row(half_height ? y / 2 : y);
          EXPECT_NEAR(row[half_width ? x / 2 : x], std::min(wanted[plane], 255.0), 0.51)
              << i << " plane " << plane;
        }
      }
    }
  }
}

TEST_P(MediaPixelOps, ThereAndBackGivesTheColorsBack) {
  const auto [space, range] = GetParam();
  for (const auto rgb : {PixelFormat::Bgr, PixelFormat::Rgb}) {
    const auto original = bands(rgb, range, space);
    for (const auto yuv : {PixelFormat::I444, PixelFormat::I422, PixelFormat::I420, PixelFormat::Nv12}) {
      FrameBuilder builder({original.width(), original.height(), rgb, range, space});
      ASSERT_TRUE(pixel_ops().convert(original.to(yuv).picture(), builder.picture()));
      const auto back = std::move(builder).publish(pixel_ops());
      for (std::size_t i = 0; i < kColors.size(); ++i) {
        const int x = static_cast<int>(i) * kBand + kBand / 2;
        for (int c = 0; c < 3; ++c) {
          // Rounding Y costs up to 1.16, rounding chroma up to 1.14 * 1.86, and never more than 3 in total.
          EXPECT_NEAR(back.planes()[0].row(8)[3 * x + c], original.planes()[0].row(8)[3 * x + c], 3)
              << to_string(yuv) << " color " << i << " component " << c;
        }
      }
    }
  }
}

/// libswscale's conversion of a 4:4:4 picture, with accurate rounding.
Bytes swscale_bgr(const Frame& frame) {
  const auto& format = frame.picture_format();
  const ScalerPtr scaler(sws_getContext(
      format.width, format.height, AV_PIX_FMT_YUV444P, format.width, format.height, AV_PIX_FMT_BGR24,
      SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BICUBIC, nullptr, nullptr, nullptr));
  const int space = format.space == ColorSpace::Bt709    ? SWS_CS_ITU709
                    : format.space == ColorSpace::Bt2020 ? SWS_CS_BT2020
                                                         : SWS_CS_ITU601;
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(space), format.range == ColorRange::Full ? 1 : 0,
                           sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
  Bytes out(static_cast<std::size_t>(3 * format.width * format.height));
  std::array<const std::uint8_t*, 4> data{};
  std::array<int, 4> strides{};
  for (std::size_t i = 0; i < 3; ++i) {
    data[i] = frame.planes()[i].data;
    strides[i] = static_cast<int>(frame.planes()[i].stride);
  }
  std::array<std::uint8_t*, 4> target{reinterpret_cast<std::uint8_t*>(out.data())};
  std::array<int, 4> target_strides{3 * format.width};
  sws_scale(scaler.get(), data.data(), strides.data(), 0, format.height, target.data(),
            target_strides.data());
  return out;
}

/// An image of pseudo-random components from `low` to `high`.
Frame noise(ColorSpace space, ColorRange range, unsigned low, unsigned high) {
  constexpr int kSize = 256;
  FrameBuilder builder({kSize, kSize, PixelFormat::I444, range, space});
  unsigned state = 1;
  for (int plane = 0; plane < 3; ++plane) {
    for (int y = 0; y < kSize; ++y) {
      for (int x = 0; x < kSize; ++x) {
        state = state * 1664525U + 1013904223U;
        const auto value = low + (state >> 16U) % (high - low + 1);
        builder.plane(plane)[y * builder.stride(plane) + x] = static_cast<std::uint8_t>(value);
      }
    }
  }
  return std::move(builder).publish(pixel_ops());
}

TEST_P(MediaPixelOps, YuvToRgbIsTheInverseOfTheStandardsMatrixForAnyBytes) {
  const auto [space, range] = GetParam();
  const auto yuv = noise(space, range, 0, 255);
  const auto rgb = yuv.to(PixelFormat::Rgb);
  const auto zero = reference_yuv({0, 0, 0}, space, range);
  const auto red = reference_yuv({1, 0, 0}, space, range);
  const auto blue = reference_yuv({0, 0, 1}, space, range);
  const auto white = reference_yuv({1, 1, 1}, space, range);
  const double luma = white[0] - zero[0];
  for (int y = 0; y < yuv.height(); ++y) {
    for (int x = 0; x < yuv.width(); ++x) {
      const double grey = (yuv.planes()[0].row(y)[x] - zero[0]) / luma;
      const double kr = (red[0] - zero[0]) / luma;
      const double kb = (blue[0] - zero[0]) / luma;
      const double b = grey + (yuv.planes()[1].row(y)[x] - 128) * (1 - kb) / (blue[1] - 128);
      const double r = grey + (yuv.planes()[2].row(y)[x] - 128) * (1 - kr) / (red[2] - 128);
      const double g = (grey - kr * r - kb * b) / (1 - kr - kb);
      const auto* pixel = rgb.planes()[0].row(y) + static_cast<std::ptrdiff_t>(3) * x;
      ASSERT_NEAR(pixel[0], std::clamp(r, 0.0, 255.0), 0.65);
      ASSERT_NEAR(pixel[1], std::clamp(g, 0.0, 255.0), 0.65);
      ASSERT_NEAR(pixel[2], std::clamp(b, 0.0, 255.0), 0.65);
    }
  }
}

TEST_P(MediaPixelOps, YuvToBgrIsWithinOneLevelOfLibswscalesAccurateRounding) {
  const auto [space, range] = GetParam();
  // Only legal values, because beyond them libswscale's sums overflow and it turns white into black.
  const bool full = range == ColorRange::Full;
  const auto yuv = noise(space, range, full ? 0 : 16, full ? 255 : 235);
  const auto ours = packed_luma(yuv.to(PixelFormat::Bgr).planes()[0]);
  const auto theirs = swscale_bgr(yuv);
  ASSERT_EQ(ours.size(), theirs.size());
  int worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    worst =
        std::max(worst, std::abs(static_cast<std::uint8_t>(ours[i]) - static_cast<std::uint8_t>(theirs[i])));
  }
  EXPECT_LE(worst, 1);
}

INSTANTIATE_TEST_SUITE_P(Matrices, MediaPixelOps,
                         ::testing::Combine(::testing::Values(ColorSpace::Bt601, ColorSpace::Bt709,
                                                              ColorSpace::Bt2020),
                                            ::testing::Values(ColorRange::Limited, ColorRange::Full)),
                         [](const auto& matter) {
                           return std::string(to_string(std::get<0>(matter.param))) + "_" +
                                  std::string(to_string(std::get<1>(matter.param)));
                         });

/// Planes with a guard around every row; `intact()` checks that no write went beyond a row.
class Guarded {
 public:
  explicit Guarded(const PictureFormat& format) : picture_(format) {
    for (int i = 0; i < format.plane_count(); ++i) {
      auto& plane = picture_.planes[static_cast<std::size_t>(i)];
      plane = format.plane_shape(i);
      plane.stride = plane.row_bytes + kGap;
      auto& memory = memory_[static_cast<std::size_t>(i)];
      memory.assign(static_cast<std::size_t>(plane.stride) * static_cast<std::size_t>(plane.rows + 2),
                    kGuard);
      plane.data = memory.data() + plane.stride;
    }
  }
  [[nodiscard]] const MutablePicture& picture() const { return picture_; }
  [[nodiscard]] bool intact() const {
    for (int i = 0; i < picture_.format.plane_count(); ++i) {
      const auto& plane = picture_.planes[static_cast<std::size_t>(i)];
      for (int y = -1; y < plane.rows; ++y) {
        const auto* gap = plane.row(y) + plane.row_bytes;
        if (!std::all_of(gap, gap + kGap, [](auto byte) { return byte == kGuard; })) return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool filled() const {  // every byte was overwritten
    for (int i = 0; i < picture_.format.plane_count(); ++i) {
      const auto& plane = picture_.planes[static_cast<std::size_t>(i)];
      for (int y = 0; y < plane.rows; ++y) {
        if (std::find(plane.row(y), plane.row(y) + plane.row_bytes, kGuard) !=
            plane.row(y) + plane.row_bytes) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  static constexpr int kGap = 37;
  static constexpr std::uint8_t kGuard = 0xA5;
  MutablePicture picture_;
  std::array<std::vector<std::uint8_t>, 3> memory_;
};

TEST(MediaPixelOpsPairs, EveryPairAtEverySmallSizeFillsItsPlanesAndNothingElse) {
  for (const auto from : kAll) {
    for (const auto to : kAll) {
      for (int width = 1; width <= 35; width += width < 5 ? 1 : 10) {
        for (int height = 1; height <= 5; ++height) {
          FrameBuilder builder({width, height, from, ColorRange::Full, ColorSpace::Bt601});
          for (int i = 0; i < builder.picture().format.plane_count(); ++i) {
            const auto& plane = builder.picture().planes[static_cast<std::size_t>(i)];
            for (int y = 0; y < plane.rows; ++y)
              std::memset(builder.plane(i) + y * plane.stride, 100,
                          static_cast<std::size_t>(plane.row_bytes));
          }
          const Guarded target({width, height, to, ColorRange::Full, ColorSpace::Bt601});
          SCOPED_TRACE(std::string(to_string(from)) + " to " + std::string(to_string(to)) + " " +
                       std::to_string(width) + "x" + std::to_string(height));
          ASSERT_TRUE(pixel_ops().convert(builder.picture(), target.picture()));
          ASSERT_TRUE(target.intact());
          ASSERT_TRUE(target.filled());
        }
      }
    }
  }
}

TEST(MediaPixelOpsPairs, YuvLayoutsKeepTheLumaExactlyAndFlatChromaToo) {
  const auto original = bands(PixelFormat::Rgb, ColorRange::Limited, ColorSpace::Bt709).to(PixelFormat::I444);
  for (const auto first : kAll) {
    if (is_rgb(first)) continue;
    FrameBuilder one({original.width(), original.height(), first, ColorRange::Limited, ColorSpace::Bt709});
    ASSERT_TRUE(pixel_ops().convert(original.picture(), one.picture()));
    for (const auto second : kAll) {
      if (is_rgb(second)) continue;
      FrameBuilder two({original.width(), original.height(), second, ColorRange::Limited, ColorSpace::Bt709});
      ASSERT_TRUE(pixel_ops().convert(one.picture(), two.picture()));
      EXPECT_EQ(packed_luma(two.picture().planes[0]), packed_luma(original.planes()[0]));
      if (first == PixelFormat::Gray || second == PixelFormat::Gray) continue;
      FrameBuilder back(
          {original.width(), original.height(), PixelFormat::I444, ColorRange::Limited, ColorSpace::Bt709});
      ASSERT_TRUE(pixel_ops().convert(two.picture(), back.picture()));
      for (std::size_t i = 0; i < kColors.size(); ++i) {
        const int x = static_cast<int>(i) * kBand + kBand / 2;
        for (std::size_t plane = 1; plane < 3; ++plane) {
          EXPECT_EQ(back.picture().planes[plane].row(8)[x], original.planes()[plane].row(8)[x])
              << to_string(first) << " " << to_string(second);
        }
      }
    }
  }
}

TEST(MediaPixelOpsPairs, GrayBecomesNeutralColor) {
  for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
    FrameBuilder builder({64, 4, PixelFormat::Gray, range, ColorSpace::Bt601});
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 64; ++x)
        builder.plane(0)[y * builder.stride(0) + x] = static_cast<std::uint8_t>(4 * x);
    }
    const auto gray = std::move(builder).publish(pixel_ops());
    const auto bgr = gray.to(PixelFormat::Bgr);
    for (int x = 0; x < 64; ++x) {
      const double wanted =
          range == ColorRange::Full ? 4 * x : std::clamp((4 * x - 16) * 255.0 / 219, 0.0, 255.0);
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(bgr.planes()[0].row(1)[3 * x + c], wanted, 0.51);
    }
  }
}

TEST(MediaPixelOpsPairs, UnspecifiedMatrixIsBt601Below720RowsElseBt709) {
  for (const auto& [height, space] : {std::pair{718, ColorSpace::Bt601}, std::pair{720, ColorSpace::Bt709}}) {
    const auto open_matrix = bands(PixelFormat::Bgr, ColorRange::Limited, ColorSpace::Unspecified, height);
    const auto luma = open_matrix.to(PixelFormat::I420).luma();
    for (std::size_t i = 0; i < kColors.size(); ++i) {
      const auto wanted = reference_yuv(kColors[i], space, ColorRange::Limited);
      EXPECT_NEAR(luma.row(8)[static_cast<int>(i) * kBand + 8], wanted[0], 0.51) << i;
    }
    FrameBuilder named({open_matrix.width(), height, PixelFormat::Bgr, ColorRange::Limited, space});
    FrameBuilder open_again(
        {open_matrix.width(), height, PixelFormat::Bgr, ColorRange::Limited, ColorSpace::Unspecified});
    auto yuv = open_matrix.to(PixelFormat::I420).picture();
    ASSERT_TRUE(pixel_ops().convert(yuv, open_again.picture()));
    yuv.format.space = space;
    ASSERT_TRUE(pixel_ops().convert(yuv, named.picture()));
    EXPECT_EQ(packed_luma(open_again.picture().planes[0]), packed_luma(named.picture().planes[0]));
  }
}

TEST(MediaPixelOpsPairs, RefusesWhatItWouldHaveToGuess) {
  FrameBuilder limited({16, 16, PixelFormat::I420, ColorRange::Limited, ColorSpace::Bt601});
  FrameBuilder full({16, 16, PixelFormat::Nv12, ColorRange::Full, ColorSpace::Bt601});
  FrameBuilder wide({18, 16, PixelFormat::Nv12, ColorRange::Limited, ColorSpace::Bt601});
  FrameBuilder other({16, 16, PixelFormat::Nv12, ColorRange::Limited, ColorSpace::Bt709});
  EXPECT_FALSE(pixel_ops().convert(limited.picture(), full.picture()));
  EXPECT_FALSE(pixel_ops().convert(limited.picture(), wide.picture()));
  EXPECT_FALSE(pixel_ops().convert(limited.picture(), other.picture()));
}

TEST(MediaPixelOpsPairs, LumaOfAColorPictureIsItsGray) {
  const auto frame = bands(PixelFormat::Bgr, ColorRange::Full, ColorSpace::Bt601);
  EXPECT_EQ(packed_luma(frame.luma()), packed_luma(frame.to(PixelFormat::Gray).planes()[0]));
}

}  // namespace
}  // namespace freshframe::test
