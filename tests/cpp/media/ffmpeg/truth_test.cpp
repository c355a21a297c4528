// Pixels compared with swscale's accurate rounding of the same decoded frame, in each format, range, matrix
// and odd size.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <random>
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

struct TrueColours {
  std::string name;
  AVPixelFormat format;
  AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
  AVColorSpace space = AVCOL_SPC_UNSPECIFIED;
  int worst = 1;  // maximum difference of RGB, in levels
  int height = 33;
};

void PrintTo(const TrueColours& one, std::ostream* out) {
  *out << one.name;
}

/// The lowest and highest 8-bit value of a component.
struct Limits {
  int least = 0;
  int most = 255;
};

using Random = std::mt19937;

int within(Limits limits, Random& random) {
  return limits.least + static_cast<int>(random() % static_cast<unsigned>(limits.most - limits.least + 1));
}

void paint_palette(AVFrame& frame, Random& random) {
  auto* colors = reinterpret_cast<std::uint32_t*>(frame.data[1]);
  for (int i = 0; i < 256; ++i) colors[i] = 0xFF000000U | (static_cast<std::uint32_t>(random()) & 0xFFFFFFU);
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x)
      frame.data[0][y * frame.linesize[0] + x] = static_cast<std::uint8_t>(within({}, random));
  }
}

/// Paints noise. Subsampled components are flat, because swscale interpolates them and freshframe repeats them.
void paint(AVFrame& frame, Random& random) {
  const auto& description = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if ((description.flags & AV_PIX_FMT_FLAG_PAL) != 0) return paint_palette(frame, random);
  const bool limited = read_range(frame) == ColorRange::Limited;
  for (int i = 0; i < description.nb_components; ++i) {
    const auto& component = description.comp[i];
    const bool chroma = description.nb_components >= 3 && (i == 1 || i == 2);
    const bool coarse = chroma && description.log2_chroma_w + description.log2_chroma_h > 0;
    const Limits limits = !limited ? Limits{} : chroma ? Limits{16, 240} : Limits{16, 235};
    const int flat = within(limits, random);
    const int rows = chroma ? AV_CEIL_RSHIFT(frame.height, description.log2_chroma_h) : frame.height;
    const int columns = chroma ? AV_CEIL_RSHIFT(frame.width, description.log2_chroma_w) : frame.width;
    for (int y = 0; y < rows; ++y) {
      auto* row = frame.data[component.plane] + y * frame.linesize[component.plane] + component.offset;
      for (int x = 0; x < columns; ++x) {
        const int value = (coarse ? flat : within(limits, random)) << (component.depth - 8 + component.shift);
        const auto deep = static_cast<std::uint16_t>(value);
        std::memcpy(row + x * component.step, &deep, component.depth > 8 ? 2 : 1);
      }
    }
  }
}

AvFramePtr painted(const TrueColours& one, Random& random) {
  auto frame = make_av_frame();
  frame->width = 47;
  frame->height = one.height;
  frame->format = one.format;
  frame->color_range = one.range;
  frame->colorspace = one.space;
  require(av_frame_get_buffer(frame.get(), 0));
  paint(*frame, random);
  return frame;
}

/// Converts like ffmpeg -sws_flags accurate_rnd+full_chroma_int+bitexact.
Frame by_swscale(const AVFrame& frame, AVPixelFormat to, PixelFormat format, int space) {
  constexpr int kFlags = SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT | SWS_BICUBIC;
  const ScalerPtr scaler(sws_getContext(frame.width, frame.height, static_cast<AVPixelFormat>(frame.format),
                                        frame.width, frame.height, to, kFlags, nullptr, nullptr, nullptr));
  if (!scaler) throw std::runtime_error("swscale cannot");
  const int full = read_range(frame) == ColorRange::Full ? 1 : 0;
  const int* matrix = sws_getCoefficients(space);
  sws_setColorspaceDetails(scaler.get(), matrix, full, matrix, full, 0, 1 << 16, 1 << 16);
  FrameBuilder builder({frame.width, frame.height, format, read_range(frame), ColorSpace::Unspecified});
  std::array<std::uint8_t*, 4> planes{builder.plane(0)};
  std::array<int, 4> strides{static_cast<int>(builder.stride(0))};
  sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, planes.data(), strides.data());
  return std::move(builder).publish(pixel_ops());
}

int worst_rgb_difference(const Frame& a, const Frame& b) {
  int worst = 0;
  for (int y = 0; y < a.height(); ++y) {
    const auto& row = a.planes()[0];
    for (int x = 0; x < row.row_bytes; ++x)
      worst = std::max(worst, std::abs(row.row(y)[x] - b.planes()[0].row(y)[x]));
  }
  return worst;
}

int matrix_meant(const TrueColours& one) {
  if (one.space != AVCOL_SPC_UNSPECIFIED) return one.space;
  return one.height < 720 ? AVCOL_SPC_SMPTE170M : AVCOL_SPC_BT709;
}

class MediaTruth : public ::testing::TestWithParam<TrueColours> {};

TEST_P(MediaTruth, RgbIsSwscalesAndLumaIsTheDecoders) {
  const auto& one = GetParam();
  Random random(11);  // NOLINT(bugprone-random-generator-seed): the same pictures in every run
  const auto& description = *av_pix_fmt_desc_get(one.format);
  const bool colors = (description.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
  for (int picture = 0; picture < 12; ++picture) {
    const auto original = painted(one, random);
    const auto frame = FrameMaker().make(AvFramePtr(av_frame_clone(original.get())));
    ASSERT_EQ(frame.width(), 47);
    ASSERT_EQ(frame.height(), one.height);
    const auto rgb = by_swscale(*original, AV_PIX_FMT_RGB24, PixelFormat::Rgb, matrix_meant(one));
    ASSERT_LE(worst_rgb_difference(frame.to(PixelFormat::Rgb), rgb), one.worst);
    if (colors || description.comp[0].depth != 8 || description.comp[0].step != 1) continue;
    for (int y = 0; y < one.height; ++y) {
      ASSERT_EQ(0, std::memcmp(frame.luma().row(y), original->data[0] + y * original->linesize[0], 47)) << y;
    }
  }
}

std::vector<TrueColours> cases() {
  std::vector<TrueColours> all;
  const std::array<std::pair<const char*, AVColorSpace>, 3> spaces = {
      {{"bt601", AVCOL_SPC_SMPTE170M}, {"bt709", AVCOL_SPC_BT709}, {"bt2020", AVCOL_SPC_BT2020_NCL}}};
  for (const auto format :
       {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_NV12, AV_PIX_FMT_YUV410P,
        AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV444P10, AV_PIX_FMT_YUVA420P}) {
    for (const auto& [name, space] : spaces) {
      for (const auto range : {AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG}) {
        const std::string label = std::string(av_get_pix_fmt_name(format)) + "_" + name +
                                  (range == AVCOL_RANGE_JPEG ? "_full" : "_limited");
        all.push_back({label, format, range, space});
      }
    }
  }
  for (const auto format :
       {AV_PIX_FMT_GRAY8, AV_PIX_FMT_GRAY10, AV_PIX_FMT_RGB24, AV_PIX_FMT_BGR24, AV_PIX_FMT_RGBA,
        AV_PIX_FMT_GBRP, AV_PIX_FMT_PAL8, AV_PIX_FMT_YUYV422, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_NV21,
        AV_PIX_FMT_RGB48, AV_PIX_FMT_GBRP10, AV_PIX_FMT_YUV411P}) {
    all.push_back({av_get_pix_fmt_name(format), format});
  }
  all.push_back({.name = "unspecified_hd", .format = AV_PIX_FMT_YUV420P, .height = 720});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Formats, MediaTruth, ::testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace freshframe::test
