// JPEG images for viewers: correct colours from every format, matrix and range; sizes; no upscaling.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/colour/jpeg_encoder.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

using Rgb = std::array<int, 3>;
const std::vector<Rgb> kColours = {{0, 0, 0},     {255, 255, 255}, {220, 30, 40},   {20, 200, 60},
                                   {30, 40, 230}, {240, 220, 20},  {128, 128, 128}, {17, 99, 180}};
constexpr int kSquare = 32;

// A row of blocks, each of one colour.
Frame blocks(int height = kSquare) {
  const int width = kSquare * static_cast<int>(kColours.size());
  FrameBuilder builder(
      {.width = width, .height = height, .format = PixelFormat::Rgb, .range = ColorRange::Full});
  for (int y = 0; y < height; ++y) {
    auto* row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        *row++ = static_cast<std::uint8_t>(kColours[static_cast<std::size_t>(x / kSquare)][c]);
      }
    }
  }
  return std::move(builder).publish(pixel_ops());
}

Frame as(const Frame& rgb, PixelFormat format, ColorRange range, ColorSpace space) {
  FrameBuilder builder({rgb.width(), rgb.height(), format, range, space});
  EXPECT_TRUE(pixel_ops().convert(rgb.picture(), builder.picture()));
  return std::move(builder).publish(pixel_ops());
}

Frame decoded(const std::string& jpeg) {
  const Folder folder;
  const auto path = folder.file("shot.jpg");
  write_bytes(path, {jpeg.begin(), jpeg.end()});
  return read_frame(path).to(PixelFormat::Rgb);
}

Rgb middle_of_block(const Frame& rgb, std::size_t index) {
  const int block = rgb.width() / static_cast<int>(kColours.size());
  const auto* pixel =
      rgb.planes()[0].row(rgb.height() / 2) + 3 * (static_cast<int>(index) * block + block / 2);
  return {pixel[0], pixel[1], pixel[2]};
}

void expect_colours(const Frame& rgb, const std::string& what) {
  for (std::size_t i = 0; i < kColours.size(); ++i) {
    const auto found = middle_of_block(rgb, i);
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(found[c], kColours[i][c], 5) << what << ", colour " << i << ", component " << c;
    }
  }
}

// The left half is dark, the right half bright.
Frame halves(int width) {
  FrameBuilder builder(
      {.width = width, .height = 200, .format = PixelFormat::Gray, .range = ColorRange::Full});
  for (int y = 0; y < 200; ++y) {
    auto* const row = builder.plane(0) + y * builder.stride(0);
    std::memset(row, 40, static_cast<std::size_t>(width / 2));
    std::memset(row + width / 2, 200, static_cast<std::size_t>(width - width / 2));
  }
  return std::move(builder).publish(pixel_ops());
}

TEST(JpegEncoder, KeepsTheColoursOfEveryFormatMatrixAndRange) {
  JpegEncoder encoder;
  const auto rgb = blocks();
  for (const auto format : {PixelFormat::I420, PixelFormat::I422, PixelFormat::I444, PixelFormat::Nv12}) {
    for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
      for (const auto space : {ColorSpace::Bt601, ColorSpace::Bt709, ColorSpace::Bt2020}) {
        const auto what = std::string(to_string(format)) + " " + std::string(to_string(range)) + " " +
                          std::string(to_string(space));
        expect_colours(decoded(encoder.encode(as(rgb, format, range, space), 10000, 90).bytes), what);
      }
    }
  }
  expect_colours(decoded(encoder.encode(rgb, 10000, 90).bytes), "rgb");
  expect_colours(decoded(encoder.encode(rgb.to(PixelFormat::Bgr), 10000, 90).bytes), "bgr");
}

TEST(JpegEncoder, GrayStaysGrayAndGetsItsFullRange) {
  JpegEncoder encoder;
  for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
    const auto gray = as(blocks(), PixelFormat::Gray, range, ColorSpace::Bt601);
    const auto shown = decoded(encoder.encode(gray, 10000, 90).bytes);
    EXPECT_NEAR(middle_of_block(shown, 0)[0], 0, 3);
    EXPECT_NEAR(middle_of_block(shown, 1)[0], 255, 3);
    EXPECT_NEAR(middle_of_block(shown, 6)[1], 128, 3);
  }
}

TEST(JpegEncoder, ScalesDownAndNeverUp) {
  JpegEncoder encoder;
  const auto frame = as(blocks(77), PixelFormat::I420, ColorRange::Limited, ColorSpace::Bt709);
  const auto half = encoder.encode(frame, 128, 90);
  EXPECT_EQ(half.width, 128);
  EXPECT_EQ(half.height, 38);
  expect_colours(decoded(half.bytes), "half");
  EXPECT_EQ(encoder.encode(frame, 257, 90).width, 256);
  EXPECT_EQ(encoder.encode(frame, 1, 90).width, 1);
  EXPECT_EQ(encoder.encode(frame, 1, 90).height, 1);
  EXPECT_EQ(encoder.encode(frame, 133, 90).height, 40);
}

TEST(JpegEncoder, KeepsBothSidesWithinTheLimit) {
  JpegEncoder encoder;
  for (const auto& [width, height] : {std::pair(320, 240), std::pair(30, 6000), std::pair(1, 3000),
                                      std::pair(3000, 1), std::pair(40, 64)}) {
    FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Gray});
    const auto frame = std::move(builder).publish(pixel_ops());
    const auto small = encoder.encode_within(frame, 64, 80);
    EXPECT_EQ(std::max(small.width, small.height), 64) << width;
    EXPECT_GE(std::min(small.width, small.height), 1) << width;
    EXPECT_EQ(encoder.encode_within(frame, 9000, 80).height, height);
  }
}

TEST(JpegEncoder, ScalesTheWholeOfAWidePicture) {
  for (const int width : {33000, 40000, 65536}) {
    JpegEncoder encoder;
    const auto wide = halves(width);
    if (width > 65500) {
      EXPECT_THROW(static_cast<void>(encoder.encode(wide, width, 90)), Error);
    }
    const auto small = encoder.encode(wide, 700, 90);
    EXPECT_EQ(small.width, 700);
    EXPECT_EQ(small.height, 200 * 700 / width);
    const auto shown = decoded(small.bytes).to(PixelFormat::Gray);
    EXPECT_NEAR(shown.planes()[0].data[100], 40, 3) << width;
    EXPECT_NEAR(shown.planes()[0].data[340], 40, 3) << width;
    EXPECT_NEAR(shown.planes()[0].data[360], 200, 3) << width;
    EXPECT_NEAR(shown.planes()[0].data[698], 200, 3) << width;
  }
}

TEST(JpegEncoder, TakesOddSizesAndTheMatrixOfTheUnscaledHeight) {
  JpegEncoder encoder;
  for (const int width : {1, 2, 3, 17, 31}) {
    FrameBuilder builder({.width = width, .height = 5, .format = PixelFormat::I420});
    for (int i = 0; i < 3; ++i) {
      const auto shape = builder.picture().format.plane_shape(i);
      for (int y = 0; y < shape.rows; ++y) {
        std::memset(builder.plane(i) + y * builder.stride(i), 128, static_cast<std::size_t>(shape.row_bytes));
      }
    }
    const auto shown = decoded(encoder.encode(std::move(builder).publish(pixel_ops()), 16, 90).bytes);
    EXPECT_EQ(shown.width(), std::min(width, 16));
  }
  // Without a colour matrix, 720 rows mean BT.709, even if the image is then scaled to fewer rows.
  const auto rgb = blocks(720);
  const auto named = as(rgb, PixelFormat::I420, ColorRange::Limited, ColorSpace::Bt709);
  FrameBuilder builder({rgb.width(), 720, PixelFormat::I420, ColorRange::Limited, ColorSpace::Unspecified});
  EXPECT_TRUE(basic_pixel_ops().convert(named.picture(), [&] {
    auto to = builder.picture();
    to.format.space = ColorSpace::Bt709;
    return to;
  }()));
  expect_colours(decoded(encoder.encode(std::move(builder).publish(pixel_ops()), 128, 90).bytes), "unnamed");
}

}  // namespace
}  // namespace freshframe::test
