// Annotate: the same drawing in every pixel format and on every instruction set.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/simd_targets.hpp"
#include "cpp/support.hpp"
#include "cpp/vision/drawn.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr std::array kFormats = {PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422,
                                 PixelFormat::I444, PixelFormat::Bgr,  PixelFormat::Rgb};

/// Returns a frame with the same level in all pixels of a component.
Frame flat(PictureFormat format, const std::array<std::uint8_t, 3>& levels) {
  FrameBuilder builder(format);
  for (int i = 0; i < format.plane_count(); ++i) {
    const auto shape = format.plane_shape(i);
    const int components = format.plane_count() == 1 ? 3 : format.plane_count() == 2 && i == 1 ? 2 : 1;
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x) {
        const auto component = static_cast<std::size_t>(i + x % components);
        builder.plane(i)[y * builder.stride(i) + x] = levels[component];
      }
    }
  }
  return std::move(builder).publish();
}

TEST(Annotate, KeepsTheFormatOfThePicture) {
  for (const auto format : kFormats) {
    for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
      const PictureFormat wanted{63, 47, format, range, ColorSpace::Bt2020};
      const Frame drawn = Drawing()(flat(wanted, {90, 100, 110}), one({32, 30, 10, 1}, 1));
      EXPECT_EQ(drawn.picture_format(), wanted) << to_string(format);
    }
  }
}

TEST(Annotate, GrayBecomesI420SoThatThereIsColour) {
  const PictureFormat gray{64, 48, PixelFormat::Gray, ColorRange::Full, ColorSpace::Unspecified};
  FrameBuilder builder(gray);
  for (int y = 0; y < 48; ++y) std::memset(builder.plane(0) + y * builder.stride(0), 3 * y, 64);
  const Frame frame = std::move(builder).publish();
  const Frame copy = Drawing()(frame, {});
  EXPECT_EQ(copy.format(), PixelFormat::I420);
  EXPECT_EQ(copy.picture_format().range, ColorRange::Full);
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      ASSERT_EQ(copy.planes()[0].row(y)[x], 3 * y);
      ASSERT_EQ(copy.planes()[1].row(y / 2)[x / 2], 128);
      ASSERT_EQ(copy.planes()[2].row(y / 2)[x / 2], 128);
    }
  }
  const Frame drawn = Drawing()(frame, one({32, 24, 12, 0}));
  EXPECT_GT(drawn.planes()[2].row(12)[22], 140) << "the left of the rim is red";
}

/// Converts a colour to the components of this format, by the standard's formula.
std::array<double, 3> as_stored(const PictureFormat& format, const std::array<double, 3>& rgb) {
  if (format.format == PixelFormat::Rgb) return rgb;
  if (format.format == PixelFormat::Bgr) return {rgb[2], rgb[1], rgb[0]};
  const double kr = format.space == ColorSpace::Bt709 ? 0.2126 : 0.299;
  const double kb = format.space == ColorSpace::Bt709 ? 0.0722 : 0.114;
  const double y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  const double cb = (rgb[2] - y) / (2 * (1 - kb));
  const double cr = (rgb[0] - y) / (2 * (1 - kr));
  if (format.range == ColorRange::Full) return {y, 128 + cb, 128 + cr};
  return {16 + y * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255};
}

int component(const Frame& frame, int index, int x, int y) {
  const auto format = frame.format();
  if (format == PixelFormat::Bgr || format == PixelFormat::Rgb) return pixel(frame, x, y)[index];
  if (index == 0) return frame.planes()[0].row(y)[x];
  const bool half_width = format != PixelFormat::I444;
  const bool half_height = format == PixelFormat::I420 || format == PixelFormat::Nv12;
  const int cx = half_width ? x / 2 : x;
  const int cy = half_height ? y / 2 : y;
  if (format == PixelFormat::Nv12) return frame.planes()[1].row(cy)[2 * cx + index - 1];
  return frame.planes()[static_cast<std::size_t>(index)].row(cy)[cx];
}

TEST(Annotate, DrawsTheSameColourInEveryFormat) {
  AnnotateOptions options;
  options.line_width = 12;
  const Circle circle{.x = 60, .y = 60, .r = 40, .confidence = 0.6F};
  const PictureFormat packed{120, 120, PixelFormat::Rgb, ColorRange::Full, ColorSpace::Bt601};
  const Frame reference = Drawing(options)(flat(packed, {50, 50, 50}), one(circle));
  const std::array<double, 3> color{double(pixel(reference, 100, 60)[0]),
                                    double(pixel(reference, 100, 60)[1]),
                                    double(pixel(reference, 100, 60)[2])};
  EXPECT_GT(color[1], 150);
  for (const auto format : kFormats) {
    for (const auto space : {ColorSpace::Bt601, ColorSpace::Bt709}) {
      for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
        const PictureFormat wanted{120, 120, format, range, space};
        const std::array<std::uint8_t, 3> ground = {50, 128, 128};
        const Frame frame = flat(wanted, ground);
        const Frame drawn = Drawing(options)(frame, one(circle));
        const auto expected = as_stored(wanted, color);
        for (int c = 0; c < 3; ++c) {
          EXPECT_NEAR(component(drawn, c, 100, 60), expected[static_cast<std::size_t>(c)], 1.1)
              << to_string(format) << " " << c;
          EXPECT_EQ(component(drawn, c, 60, 60), ground[static_cast<std::size_t>(c)]) << "inside the ring";
          EXPECT_EQ(component(drawn, c, 2, 2), ground[static_cast<std::size_t>(c)]) << "outside of it";
        }
      }
    }
  }
}

/// Returns all bytes of the planes, without the padding of rows.
std::vector<std::uint8_t> bytes(const Frame& frame) {
  std::vector<std::uint8_t> out;
  for (const auto& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y) out.insert(out.end(), plane.row(y), plane.row(y) + plane.row_bytes);
  }
  return out;
}

TEST(Annotate, DrawsTheSameBytesOnEveryInstructionSet) {
  AnnotateOptions options;
  options.labels = "#{tracker_id} {confidence:.2f}";
  const auto draw = [&](const PictureFormat& format) {
    Drawing drawing(options);
    Frame drawn;
    for (int i = 0; i < 12; ++i) {
      const auto x = static_cast<float>(20 + 13 * i);
      const Circles circles{{{x, 50.3F, 23.7F, 0.8F}, {100, x, 400, 0.3F}, {-3, x / 2, 9.5F, 0.5F}},
                            {3, 4, 5}};
      drawn = drawing(flat(format, {80, 110, 140}), circles, {.pts = 0.05 * i});
    }
    return bytes(drawn);
  };
  for (const auto format : kFormats) {
    for (const int width : {201, 160}) {
      const PictureFormat wanted{width, 143, format, ColorRange::Limited, ColorSpace::Bt709};
      const auto expected = draw(wanted);
      for (const auto target : test::simd_targets()) {
        const test::OnlyTarget only(target);
        EXPECT_EQ(draw(wanted), expected) << hwy::TargetName(target) << " " << to_string(format);
      }
    }
  }
}

}  // namespace
}  // namespace freshframe
