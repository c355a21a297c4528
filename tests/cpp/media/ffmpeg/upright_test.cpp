// Rotation metadata: frames are upright in every format. Without it they stay the decoder's own memory.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/upright.hpp"

#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/frame/frame_access.hpp"
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

/// Moves the stored pixel (x, y) to (a x + c y, b x + d y). Then the image is shifted back to (0, 0).
struct Matrix {
  const char* name;
  int exif;
  int a;
  int b;
  int c;
  int d;

  [[nodiscard]] std::array<std::int32_t, 9> as_ffmpeg() const {
    constexpr std::int32_t kOne = 1 << 16;
    return {a * kOne, b * kOne, 0, c * kOne, d * kOne, 0, 0, 0, 1 << 30};
  }
};

constexpr std::array<Matrix, 8> kMatrices = {{{"as_stored", 1, 1, 0, 0, 1},
                                              {"mirrored", 2, -1, 0, 0, 1},
                                              {"upside_down", 3, -1, 0, 0, -1},
                                              {"flipped", 4, 1, 0, 0, -1},
                                              {"transposed", 5, 0, 1, 1, 0},
                                              {"clockwise", 6, 0, 1, -1, 0},
                                              {"transversed", 7, 0, -1, -1, 0},
                                              {"counterclockwise", 8, 0, -1, 1, 0}}};

void PrintTo(const Matrix& matrix, std::ostream* out) {
  *out << matrix.name;
}

constexpr int kStoredWidth = 71;  // larger than a block of pixels, and odd
constexpr int kStoredHeight = 138;

AvFramePtr stored(AVPixelFormat format) {
  auto frame = make_av_frame();
  frame->width = kStoredWidth;
  frame->height = kStoredHeight;
  frame->format = format;
  require(av_frame_get_buffer(frame.get(), 0));
  for (int plane = 0; plane < 3 && frame->data[plane] != nullptr; ++plane) {
    const int shift = plane == 0 ? 0 : av_pix_fmt_desc_get(format)->log2_chroma_h;
    for (int y = 0; y < AV_CEIL_RSHIFT(kStoredHeight, shift); ++y) {
      for (int x = 0; x < frame->linesize[plane]; ++x)
        frame->data[plane][y * frame->linesize[plane] + x] =
            static_cast<std::uint8_t>(7 * x + 31 * y + plane);
    }
  }
  return frame;
}

/// Reference implementation: moves the plane's elements, of `size` bytes each, one by one.
Bytes moved(const Bytes& plane, int width, int height, int size, const Matrix& matrix) {
  const int least_x = std::min(0, matrix.a * (width - 1)) + std::min(0, matrix.c * (height - 1));
  const int least_y = std::min(0, matrix.b * (width - 1)) + std::min(0, matrix.d * (height - 1));
  const int new_width = matrix.a != 0 ? width : height;
  Bytes result(plane.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int to_x = matrix.a * x + matrix.c * y - least_x;
      const int to_y = matrix.b * x + matrix.d * y - least_y;
      for (int byte = 0; byte < size; ++byte) {
        result[static_cast<std::size_t>((to_y * new_width + to_x) * size + byte)] =
            plane[static_cast<std::size_t>((y * width + x) * size + byte)];
      }
    }
  }
  return result;
}

class MediaUpright : public ::testing::TestWithParam<Matrix> {
 protected:
  static AvFramePtr with_matrix(AVPixelFormat format) {
    auto frame = stored(format);
    auto* data = av_frame_new_side_data(frame.get(), AV_FRAME_DATA_DISPLAYMATRIX, 36);
    const auto matrix = GetParam().as_ffmpeg();
    std::memcpy(data->data, matrix.data(), 36);
    return frame;
  }
};

TEST_P(MediaUpright, EveryPlaneOfEveryFormatIsTurned) {
  for (const auto format :
       {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_NV12, AV_PIX_FMT_RGB24}) {
    SCOPED_TRACE(format);
    const auto plain = FrameMaker().make(stored(format));
    const auto turned = FrameMaker().make(with_matrix(format));
    EXPECT_EQ(turned.format(), plain.format());
    EXPECT_EQ(turned.width(), GetParam().a != 0 ? kStoredWidth : kStoredHeight);
    for (std::size_t i = 0; i < plain.planes().size(); ++i) {
      const auto& plane = plain.planes()[i];
      const int size = format == AV_PIX_FMT_RGB24 ? 3 : format == AV_PIX_FMT_NV12 && i == 1 ? 2 : 1;
      EXPECT_EQ(packed_luma(turned.planes()[i]),
                moved(packed_luma(plane), plane.row_bytes / size, plane.rows, size, GetParam()))
          << "plane " << i;
    }
  }
}

TEST_P(MediaUpright, QuartersThatAreAddedFollowTheStoredRotation) {
  constexpr std::array<std::size_t, 4> kQuarters = {0, 5, 2, 7};  // places in kMatrices
  for (int added = 0; added < 4; ++added) {
    SCOPED_TRACE(added);
    const auto upright = FrameMaker().make(with_matrix(AV_PIX_FMT_GRAY8));
    FrameMaker maker(std::nullopt, added);
    const auto size = maker.compute_size(*with_matrix(AV_PIX_FMT_GRAY8));
    const auto turned = maker.make(with_matrix(AV_PIX_FMT_GRAY8));
    EXPECT_EQ(packed_luma(turned.luma()),
              moved(packed_luma(upright.luma()), upright.width(), upright.height(), 1,
                    kMatrices.at(kQuarters.at(static_cast<std::size_t>(added)))));
    EXPECT_EQ(size.width, turned.width());
    EXPECT_EQ(size.height, turned.height());
  }
}

TEST_P(MediaUpright, AStreamThatIsWrittenHasTheTurn) {
  const InputPtr owner(avformat_alloc_context());
  auto& stream = *avformat_new_stream(owner.get(), nullptr);
  const auto turn = read_turn(GetParam().as_ffmpeg().data());
  store_turn(stream, turn);
  EXPECT_EQ(read_turn(stream), turn);
}

TEST_P(MediaUpright, FourTwoTwoOnItsSideIsFourFourFour) {
  const auto turned = FrameMaker().make(with_matrix(AV_PIX_FMT_YUV422P));
  EXPECT_EQ(turned.format(), GetParam().a != 0 ? PixelFormat::I422 : PixelFormat::I444);
  const auto luma = packed_luma(FrameMaker().make(stored(AV_PIX_FMT_YUV422P)).luma());
  EXPECT_EQ(packed_luma(turned.luma()), moved(luma, kStoredWidth, kStoredHeight, 1, GetParam()));
}

TEST_P(MediaUpright, ExifOrientationsMeanTheSame) {
  auto frame = stored(AV_PIX_FMT_GRAY8);
  av_dict_set(&frame->metadata, "Orientation", ("    " + std::to_string(GetParam().exif)).c_str(), 0);
  const auto turned = FrameMaker().make(std::move(frame));
  EXPECT_EQ(packed_luma(turned.luma()), packed_luma(FrameMaker().make(with_matrix(AV_PIX_FMT_GRAY8)).luma()));
}

void put(Bytes& bytes, std::size_t at, std::int32_t number) {
  for (std::size_t i = 0; i < 4; ++i)
    bytes[at + i] = static_cast<char>(static_cast<std::uint32_t>(number) >> (24 - 8 * i));
}

/// Writes a video with a display matrix in its track header.
std::string write_turned(const std::string& path, const Matrix& matrix) {
  auto bytes = read_bytes(write_video(path, 5));
  const Bytes box = {'t', 'k', 'h', 'd'};
  // The last match is in the index that the recorder adds at the end of the file.
  const auto at = std::find_end(bytes.begin(), bytes.end(), box.begin(), box.end()) - bytes.begin();
  constexpr std::size_t kMatrixInBox = 44;  // ISO/IEC 14496-12, 8.3.2, version 0
  const auto numbers = matrix.as_ffmpeg();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    put(bytes, static_cast<std::size_t>(at) + kMatrixInBox + 4 * i, numbers[i]);
  write_bytes(path, bytes);
  return path;
}

TEST_P(MediaUpright, AFileComesUprightAndSizeMeansTheUprightOne) {
  const Folder folder;
  const auto& matrix = GetParam();
  const auto path = write_turned(folder.file("turned.mp4"), matrix);
  const auto bare = bare_lumas(path);
  const auto played = play(path);
  ASSERT_EQ(played.lumas.size(), 5U);
  EXPECT_EQ(played.info.width, matrix.a != 0 ? kWidth : kHeight);
  EXPECT_EQ(played.info.height, matrix.a != 0 ? kHeight : kWidth);
  for (std::size_t n = 0; n < bare.size(); ++n)
    EXPECT_EQ(played.lumas[n], moved(bare[n], kWidth, kHeight, 1, matrix)) << n;

  Hand hand;
  const auto scaled = open(path, {.width = 64, .height = 100});
  scaled->open(hand.context());
  EXPECT_EQ(scaled->info().width, 64);
  const auto item = scaled->read(hand.context());
  EXPECT_EQ(item->value.width(), 64);
  EXPECT_EQ(item->value.height(), 100);
}

/// Writes a JPEG with an APP1 segment that holds one Exif entry: Orientation (0x0112), short, big-endian.
void write_photo(const std::string& path, int orientation) {
  write_frame(numbered_frame(5), path);
  auto bytes = read_bytes(path);
  Bytes segment = {'\xFF', '\xE1', 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1};
  const Bytes entry = {1, 0x12, 0, 3, 0, 0, 0, 1, 0, static_cast<char>(orientation), 0, 0, 0, 0, 0, 0};
  segment.insert(segment.end(), entry.begin(), entry.end());
  bytes.insert(bytes.begin() + 2, segment.begin(), segment.end());
  write_bytes(path, bytes);
}

TEST_P(MediaUpright, APhotoComesUpright) {
  const Folder folder;
  const auto path = folder.file("photo.jpg");
  write_photo(path, 1);
  const auto plain = read_frame(path);
  ASSERT_EQ(plain.width(), kWidth);
  write_photo(path, GetParam().exif);
  const auto expected = moved(packed_luma(plain.luma()), kWidth, kHeight, 1, GetParam());
  EXPECT_EQ(packed_luma(read_frame(path).luma()), expected);
  EXPECT_EQ(play(path).lumas, std::vector<Bytes>{expected}) << "as a file";
  EXPECT_EQ(play(folder.file("*.jpg")).lumas, std::vector<Bytes>{expected}) << "in a sequence";
}

INSTANTIATE_TEST_SUITE_P(Matrices, MediaUpright, ::testing::ValuesIn(kMatrices),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(MediaUprightOthers, AnglesBetweenAreLeftAsTheyAre) {
  const std::array<std::int32_t, 9> tilted = {46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30};
  EXPECT_TRUE(read_turn(tilted.data()).none());
  const std::array<std::int32_t, 9> nothing{};
  EXPECT_TRUE(read_turn(nothing.data()).none());
  EXPECT_TRUE(make_exif_turn(0).none());
  EXPECT_TRUE(make_exif_turn(9).none());
}

AvFramePtr wide_frame() {
  auto frame = make_av_frame();
  frame->width = 1280;
  frame->height = 640;
  frame->format = AV_PIX_FMT_YUV420P;
  require(av_frame_get_buffer(frame.get(), 0));
  return frame;
}

TEST(MediaUprightOthers, AnUnspecifiedMatrixIsThatOfTheStoredHeight) {
  FrameMaker maker;
  maker.set_turn({.flip = false, .quarters = 1});
  EXPECT_EQ(maker.make(wide_frame()).picture_format().space, ColorSpace::Bt601);
}

TEST(MediaUprightOthers, PlacesAreThoseOfThePacketsUnlessAPictureIsTurnedInAnotherWayThanItsStreamSays) {
  FrameMaker maker;
  const auto flipped = [] {
    auto frame = wide_frame();
    require(av_dict_set(&frame->metadata, "Orientation", "4", 0));
    return frame;
  };
  EXPECT_FALSE(core::FrameAccess::is_moved(maker.make(wide_frame())));
  EXPECT_TRUE(core::FrameAccess::is_moved(maker.make(flipped())));
  FrameMaker rotating(std::nullopt, 1);
  EXPECT_FALSE(core::FrameAccess::is_moved(rotating.make(wide_frame())));
  EXPECT_TRUE(core::FrameAccess::is_moved(rotating.make(flipped())));
  maker.set_turn({.flip = true, .quarters = 0});
  EXPECT_FALSE(core::FrameAccess::is_moved(maker.make(wide_frame())));
  EXPECT_FALSE(core::FrameAccess::is_moved(maker.make(flipped())));
}

}  // namespace
}  // namespace freshframe::test
