// Reading and writing still images.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

int worst_difference(const Frame& a, const Frame& b) {
  int worst = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x)
      worst = std::max(worst, std::abs(a.luma().row(y)[x] - b.luma().row(y)[x]));
  }
  return worst;
}

TEST(MediaPicture, PngGivesRgbBackExactly) {
  const Folder folder;
  const auto rgb = numbered_frame(77).to(PixelFormat::Rgb);
  write_frame(rgb, folder.file("a.png"));
  const auto back = read_frame(folder.file("a.png"));
  EXPECT_EQ(back.format(), PixelFormat::Rgb);
  EXPECT_EQ(packed_luma(back.planes()[0]), packed_luma(rgb.planes()[0]));
  EXPECT_EQ(back.picture_format().range, ColorRange::Full);
}

TEST(MediaPicture, PngGivesFullRangeGrayBackExactly) {
  const Folder folder;
  FrameBuilder builder({33, 7, PixelFormat::Gray, ColorRange::Full, ColorSpace::Unspecified});
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 33; ++x)
      builder.plane(0)[y * builder.stride(0) + x] = static_cast<std::uint8_t>(x * 7 + y);
  }
  const auto gray = std::move(builder).publish(pixel_ops());
  write_frame(gray, folder.file("a.PNG"));
  const auto back = read_frame(folder.file("a.PNG"));
  EXPECT_EQ(back.format(), PixelFormat::Gray);
  EXPECT_EQ(back.picture_format().range, ColorRange::Full);
  EXPECT_EQ(packed_luma(back.luma()), packed_luma(gray.luma()));
}

TEST(MediaPicture, JpegIsFullRangeAndLooksTheSame) {
  const Folder folder;
  const auto frame = numbered_frame(77);
  for (const auto format :
       {PixelFormat::I420, PixelFormat::Nv12, PixelFormat::I444, PixelFormat::Bgr, PixelFormat::Gray}) {
    write_frame(frame.to(format), folder.file("a.jpg"));
    const auto back = read_frame(folder.file("a.jpg"));
    EXPECT_EQ(back.picture_format().range, ColorRange::Full);
    EXPECT_EQ(back.picture_format().space, ColorSpace::Bt601);
    EXPECT_EQ(number_of(back), 77);
    FrameBuilder full({kWidth, kHeight, PixelFormat::Gray, ColorRange::Full, ColorSpace::Bt601});
    ASSERT_TRUE(pixel_ops().convert(frame.to(format).to(PixelFormat::Rgb).picture(), full.picture()));
    EXPECT_LT(worst_difference(back, std::move(full).publish()), 40) << to_string(format);
  }
}

TEST(MediaPicture, ColorsSurviveAJpeg) {
  const Folder folder;
  FrameBuilder builder({64, 64, PixelFormat::Bgr, ColorRange::Full, ColorSpace::Unspecified});
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      auto* pixel = builder.plane(0) + y * builder.stride(0) + 3 * x;
      pixel[0] = 200;
      pixel[1] = 30;
      pixel[2] = 90;
    }
  }
  write_frame(std::move(builder).publish(pixel_ops()), folder.file("a.jpeg"));
  const auto back = read_frame(folder.file("a.jpeg")).to(PixelFormat::Bgr);
  EXPECT_NEAR(back.planes()[0].row(30)[90], 200, 4);
  EXPECT_NEAR(back.planes()[0].row(30)[91], 30, 4);
  EXPECT_NEAR(back.planes()[0].row(30)[92], 90, 4);
}

TEST(MediaPicture, AJpegOfVideoKeepsColoursThatRgbCannotHold) {
  // In limited range, luma below black and chroma with too little luma are not RGB colours. RGB values below 0 would be
  // clipped.
  const Folder folder;
  const std::array<std::uint8_t, 3> levels = {40, 200, 60};
  FrameBuilder builder({64, 64, PixelFormat::I420, ColorRange::Limited, ColorSpace::Bt709});
  for (int i = 0; i < 3; ++i) {
    const auto shape = builder.picture().format.plane_shape(i);
    for (int y = 0; y < shape.rows; ++y) {
      std::memset(builder.plane(i) + y * builder.stride(i), levels[static_cast<std::size_t>(i)],
                  static_cast<std::size_t>(shape.row_bytes));
    }
  }
  write_frame(std::move(builder).publish(pixel_ops()), folder.file("a.jpg"));
  const auto back = read_frame(folder.file("a.jpg"));
  // The expected values are converted from ITU-R BT.709 to BT.601: Y' = 255/219 (Y - 16) + 255/224 (0.1016 Cb + 0.1961
  // Cr), and so on.
  const double y = (levels[0] - 16) * 255.0 / 219;
  const double cb = (levels[1] - 128) * 255.0 / 224;
  const double cr = (levels[2] - 128) * 255.0 / 224;
  EXPECT_NEAR(back.planes()[0].row(30)[30], y + 0.1016 * cb + 0.1961 * cr, 1.5);
  EXPECT_NEAR(back.planes()[1].row(15)[15], 128 + 0.9899 * cb - 0.1107 * cr, 1.5);
  EXPECT_NEAR(back.planes()[2].row(15)[15], 128 - 0.0725 * cb + 0.9834 * cr, 1.5);
}

TEST(MediaPicture, OddSizesAreFine) {
  const Folder folder;
  const auto frame = numbered_frame(9, 197, 33);
  for (const std::string name : {"a.png", "a.jpg"}) {
    write_frame(frame, folder.file(name));
    const auto back = read_frame(folder.file(name));
    EXPECT_EQ(back.width(), 197);
    EXPECT_EQ(back.height(), 33);
    EXPECT_EQ(number_of(back), 9);
  }
}

TEST(MediaPicture, AsASourceIsOneSample) {
  const Folder folder;
  write_frame(numbered_frame(5), folder.file("a.png"));
  const auto played = play(folder.file("a.png"));
  EXPECT_EQ(played.numbers, std::vector<int>{5});
  EXPECT_EQ(played.pts, std::vector<double>{0.0});
  EXPECT_EQ(played.info.frame_count, 1);
  EXPECT_EQ(played.info.fps, 25);
  EXPECT_EQ(play(folder.file("a.png"), {.fps = 4}).info.fps, 4);
}

TEST(MediaPicture, LoopedAtItsOwnRateIsACamera) {
  const Folder folder;
  write_frame(numbered_frame(5), folder.file("a.png"));
  const auto played = play(folder.file("a.png"), {.fps = 4, .loop = true}, 5);
  EXPECT_EQ(played.numbers, std::vector<int>(5, 5));
  EXPECT_EQ(played.pts, (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
}

TEST(MediaPicture, IsRecognisedByItsContentNotItsName) {
  const Folder folder;
  write_frame(numbered_frame(5), folder.file("a.png"));
  std::filesystem::rename(folder.file("a.png"), folder.file("a.jpg"));
  EXPECT_EQ(number_of(read_frame(folder.file("a.jpg"))), 5);
}

TEST(MediaPicture, InvalidOnesAreReported) {
  const Folder folder;
  EXPECT_TRUE(contains(message_of<SourceError>([&] { static_cast<void>(read_frame(folder.file("no.png"))); }),
                       "no such file"));
  write_bytes(folder.file("text.png"), {'n', 'o', 'n', 'e'});
  EXPECT_THROW(static_cast<void>(read_frame(folder.file("text.png"))), SourceError);
  for (const std::string name : {"a.png", "a.jpg"}) {
    write_frame(numbered_frame(5), folder.file(name));
    auto bytes = read_bytes(folder.file(name));
    bytes.resize(bytes.size() / 2);
    write_bytes(folder.file(name), bytes);
    EXPECT_TRUE(contains(message_of<SourceError>([&] { static_cast<void>(read_frame(folder.file(name))); }),
                         "cut off"))
        << name;
  }
  EXPECT_THROW(static_cast<void>(read_frame("demo:circles")), SourceError);
}

TEST(MediaPicture, FailedWritesAreReported) {
  const Folder folder;
  const auto frame = numbered_frame(1);
  EXPECT_TRUE(
      contains(message_of<Error>([&] { write_frame(frame, folder.file("a.tga")); }), ".png, .jpg or .jpeg"));
  EXPECT_TRUE(contains(message_of<std::system_error>([&] { write_frame(frame, folder.file("no/a.png")); }),
                       "No such file"));
  EXPECT_TRUE(contains(message_of<Error>([&] { write_frame(Frame(), folder.file("a.png")); }), "empty"));
  std::filesystem::create_symlink("/dev/full", folder.file("full.png"));
  EXPECT_TRUE(contains(message_of<std::system_error>([&] { write_frame(frame, folder.file("full.png")); }),
                       "No space left"));
}

}  // namespace
}  // namespace freshframe::test
