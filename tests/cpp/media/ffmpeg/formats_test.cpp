// Decoded formats other than 4:2:0: the nearest 8-bit format, with the declared range and matrix.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

/// An FFmpeg pixel format, and the format of the Frame made from it.
struct Case {
  AVPixelFormat from;
  PixelFormat to;
  ColorRange range;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << av_get_pix_fmt_name(one.from);
}

/// Sets each component of each pixel, including alpha, to about 200/255.
void fill(AVFrame& frame) {
  const auto* description = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  const int depth = description->comp[0].depth;
  for (int plane = 0; plane < 4 && frame.data[plane] != nullptr; ++plane) {
    const int shift = plane == 1 || plane == 2 ? description->log2_chroma_h : 0;
    const int rows = (frame.height + (1 << shift) - 1) >> shift;
    for (int y = 0; y < rows; ++y) {
      auto* row = frame.data[plane] + static_cast<std::ptrdiff_t>(y) * frame.linesize[plane];
      if (depth == 8) {
        std::memset(row, 200, static_cast<std::size_t>(frame.linesize[plane]));
        continue;
      }
      const auto value = static_cast<std::uint16_t>(200 << (depth - 8));
      for (int x = 0; x < frame.linesize[plane] / 2; ++x) std::memcpy(row + 2 * x, &value, 2);
    }
  }
}

class MediaFormats : public ::testing::TestWithParam<Case> {
 protected:
  static Frame convert(std::optional<FrameSize> size = std::nullopt) {
    auto frame = make_av_frame();
    frame->width = kWidth;
    frame->height = kHeight;
    frame->format = GetParam().from;
    require(av_frame_get_buffer(frame.get(), 0));
    fill(*frame);
    return FrameMaker(size).make(std::move(frame));
  }
  static void expect_all(const Frame& frame, int value) {
    for (const auto& plane : frame.planes()) {
      for (int y = 0; y < plane.rows; ++y) {
        for (int x = 0; x < plane.row_bytes; ++x) ASSERT_NEAR(plane.row(y)[x], value, 1) << x << "," << y;
      }
    }
  }
};

TEST_P(MediaFormats, BecomeTheNearestEightBitFormatWithTheirValues) {
  const auto frame = convert();
  EXPECT_EQ(frame.format(), GetParam().to);
  EXPECT_EQ(frame.picture_format().range, GetParam().range);
  EXPECT_EQ(frame.width(), kWidth);
  expect_all(frame, 200);
}

TEST_P(MediaFormats, KeepTheirValuesWhenTheyAreScaled) {
  const auto frame = convert(FrameSize{.width = 101, .height = 57});
  EXPECT_EQ(frame.format(), GetParam().to);
  EXPECT_EQ(frame.picture_format().range, GetParam().range);
  EXPECT_EQ(frame.width(), 101);
  EXPECT_EQ(frame.height(), 57);
  expect_all(frame, 200);
}

INSTANTIATE_TEST_SUITE_P(Ffmpeg, MediaFormats,
                         ::testing::Values(Case{AV_PIX_FMT_YUV420P, PixelFormat::I420, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUVJ420P, PixelFormat::I420, ColorRange::Full},
                                           Case{AV_PIX_FMT_YUV422P, PixelFormat::I422, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUVJ422P, PixelFormat::I422, ColorRange::Full},
                                           Case{AV_PIX_FMT_YUV444P, PixelFormat::I444, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUVJ444P, PixelFormat::I444, ColorRange::Full},
                                           Case{AV_PIX_FMT_YUVA420P, PixelFormat::I420, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUV410P, PixelFormat::I420, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUV411P, PixelFormat::I422, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUV440P, PixelFormat::I444, ColorRange::Limited},
                                           Case{AV_PIX_FMT_NV12, PixelFormat::Nv12, ColorRange::Limited},
                                           Case{AV_PIX_FMT_NV21, PixelFormat::I420, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUYV422, PixelFormat::I422, ColorRange::Limited},
                                           Case{AV_PIX_FMT_GRAY8, PixelFormat::Gray, ColorRange::Full},
                                           Case{AV_PIX_FMT_GRAY10, PixelFormat::Gray, ColorRange::Full},
                                           Case{AV_PIX_FMT_GRAY16, PixelFormat::Gray, ColorRange::Full},
                                           Case{AV_PIX_FMT_YUV420P10, PixelFormat::I420, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUV422P10, PixelFormat::I422, ColorRange::Limited},
                                           Case{AV_PIX_FMT_YUV444P12, PixelFormat::I444, ColorRange::Limited},
                                           Case{AV_PIX_FMT_BGR24, PixelFormat::Bgr, ColorRange::Full},
                                           Case{AV_PIX_FMT_RGB24, PixelFormat::Rgb, ColorRange::Full},
                                           Case{AV_PIX_FMT_RGBA, PixelFormat::Rgb, ColorRange::Full},
                                           Case{AV_PIX_FMT_BGRA, PixelFormat::Rgb, ColorRange::Full},
                                           Case{AV_PIX_FMT_GBRP, PixelFormat::Rgb, ColorRange::Full},
                                           Case{AV_PIX_FMT_RGB48, PixelFormat::Rgb, ColorRange::Full}),
                         [](const auto& one) { return std::string(av_get_pix_fmt_name(one.param.from)); });

AvFramePtr plain(int height = kHeight) {
  auto frame = make_av_frame();
  frame->width = kWidth;
  frame->height = height;
  frame->format = AV_PIX_FMT_YUV420P;
  require(av_frame_get_buffer(frame.get(), 0));
  fill(*frame);
  return frame;
}

TEST(MediaFormat, TakesRangeAndMatrixFromTheStream) {
  auto frame = plain();
  frame->color_range = AVCOL_RANGE_JPEG;
  frame->colorspace = AVCOL_SPC_BT2020_NCL;
  const auto made = FrameMaker().make(std::move(frame)).picture_format();
  EXPECT_EQ(made.range, ColorRange::Full);
  EXPECT_EQ(made.space, ColorSpace::Bt2020);
  EXPECT_EQ(FrameMaker().make(plain()).picture_format().space, ColorSpace::Unspecified);
}

TEST(MediaFormat, ScalingKeepsTheMatrixThatTheOldHeightMeant) {
  const FrameSize small{.width = 64, .height = 48};
  EXPECT_EQ(FrameMaker(small).make(plain(720)).picture_format().space, ColorSpace::Bt709);
  EXPECT_EQ(FrameMaker(small).make(plain(718)).picture_format().space, ColorSpace::Bt601);
}

TEST(MediaFormat, UpsideDownMemoryIsTurnedAround) {
  auto frame = plain();
  for (int x = 0; x < kWidth; ++x)
    frame->data[0][x] = 50;  // the first row in memory is the last row of the image
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane == 0 ? kHeight : kHeight / 2;
    frame->data[plane] += static_cast<std::ptrdiff_t>(rows - 1) * frame->linesize[plane];
    frame->linesize[plane] = -frame->linesize[plane];
  }
  const auto made = FrameMaker().make(std::move(frame));
  EXPECT_GT(made.luma().stride, 0);
  EXPECT_EQ(made.luma().row(0)[5], 200);
  EXPECT_EQ(made.luma().row(kHeight - 1)[5], 50);
}

TEST(MediaFormat, TenBitFilesAreDecodedToEightBits) {
  const Folder folder;
  const auto path = folder.file("ten.mkv");
  write_ffv1(path, AV_PIX_FMT_YUV420P10, 3, [](AVFrame& frame, int /*n*/) { fill(frame); });
  Hand hand;
  const auto source = open(path);
  source->open(hand.context());
  EXPECT_EQ(source->info().pixel_format, "yuv420p10le");
  int count = 0;
  while (const auto item = source->read(hand.context())) {
    EXPECT_EQ(item->value.format(), PixelFormat::I420);
    EXPECT_NEAR(item->value.luma().row(9)[9], 200, 1);
    ++count;
  }
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace freshframe::test
