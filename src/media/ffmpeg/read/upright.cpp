// Rotates and mirrors images upright.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/upright.hpp"

#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "media/colour/pixel_conversions.hpp"
#include "media/ffmpeg/ptr.hpp"
#include <libyuv.h>

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/display.h>
}

namespace freshframe::media {
namespace {

using DisplayMatrix = std::array<std::int32_t, 9>;
constexpr std::size_t kMatrixBytes = sizeof(DisplayMatrix);

/// New position of pixel (x, y) of the stored image: x' = xx * x + xy * y, y' = yx * x + yy * y; each factor
/// is -1, 0 or 1.
struct Axes {
  int xx = 1;
  int xy = 0;
  int yx = 0;
  int yy = 1;
};

Turn read_turn(const Axes& axes) noexcept {
  if (axes.xy == 0) {
    if (axes.xx > 0) return {.flip = axes.yy < 0, .quarters = 0};
    return {.flip = axes.yy > 0, .quarters = 2};
  }
  // A clockwise quarter turn maps x to y' and y to -x'.
  if (axes.yx > 0) return {.flip = axes.xy > 0, .quarters = 1};
  return {.flip = axes.xy < 0, .quarters = 3};
}

DisplayMatrix make_matrix(Turn turn) noexcept {
  constexpr int kQuarter = 90;  // degrees
  DisplayMatrix matrix{};
  av_display_rotation_set(matrix.data(), kQuarter * turn.quarters);
  if (turn.flip) {  // negates the row of the matrix that maps the stored y
    matrix[3] = -matrix[3];
    matrix[4] = -matrix[4];
  }
  return matrix;
}

libyuv::RotationMode choose_rotation(int quarters) noexcept {
  switch (quarters) {
    case 1:
      return libyuv::kRotate90;
    case 2:
      return libyuv::kRotate180;
    case 3:
      return libyuv::kRotate270;
    default:
      return libyuv::kRotate0;
  }
}

struct Corner {
  int x = 0;
  int y = 0;
};

struct Block {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

/// Returns where the block is after a plane of `width` x `height` pixels was rotated.
Corner find_corner(int quarters, const Block& block, int width, int height) noexcept {
  const int right = width - block.left - block.width;  // pixels to the right of the block
  const int below = height - block.top - block.height;
  switch (quarters) {
    case 1:
      return {.x = below, .y = block.left};
    case 2:
      return {.x = right, .y = below};
    case 3:
      return {.x = block.top, .y = right};
    default:
      return {.x = block.left, .y = block.top};
  }
}

/// Rotates pixels of 3 bytes. libyuv rotates those of 4 bytes, so each block is widened and narrowed again.
void turn_rgb(const Plane& from, std::uint8_t* to, std::ptrdiff_t stride, Turn turn) {
  constexpr int kPixel = 3;
  constexpr int kWide = 4;
  constexpr int kSide = 64;  // both blocks fit into the first-level cache
  std::array<std::uint8_t, std::size_t{kSide} * kSide * kWide> stored;
  std::array<std::uint8_t, stored.size()> upright;
  const int width = from.row_bytes / kPixel;
  const int height = from.rows;
  const int step = static_cast<int>(turn.flip ? -from.stride : from.stride);
  for (int top = 0; top < height; top += kSide) {
    const auto* const row = from.row(turn.flip ? height - 1 - top : top);
    for (int left = 0; left < width; left += kSide) {
      const Block block{.left = left,
                        .top = top,
                        .width = std::min(kSide, width - left),
                        .height = std::min(kSide, height - top)};
      const int columns = turn.lies() ? block.height : block.width;  // number of columns of the rotated block
      const int rows = turn.lies() ? block.width : block.height;
      const auto corner = find_corner(turn.quarters, block, width, height);
      libyuv::RGB24ToARGB(row + std::ptrdiff_t{left} * kPixel, step, stored.data(), block.width * kWide,
                          block.width, block.height);
      libyuv::ARGBRotate(stored.data(), block.width * kWide, upright.data(), columns * kWide, block.width,
                         block.height, choose_rotation(turn.quarters));
      libyuv::ARGBToRGB24(upright.data(), columns * kWide,
                          to + corner.y * stride + std::ptrdiff_t{corner.x} * kPixel,
                          static_cast<int>(stride), columns, rows);
    }
  }
}

/// Offsets in bytes in a rotated plane: of its first element, and from an element to the next one in its row
/// and in its column.
struct Steps {
  std::ptrdiff_t first = 0;
  std::ptrdiff_t x = 0;
  std::ptrdiff_t y = 0;
};

Steps find_steps(int quarters, std::ptrdiff_t last_x, std::ptrdiff_t last_y, std::ptrdiff_t element,
                 std::ptrdiff_t stride) noexcept {
  switch (quarters) {
    case 1:
      return {.first = last_y * element, .x = stride, .y = -element};
    case 2:
      return {.first = last_y * stride + last_x * element, .x = -element, .y = -stride};
    case 3:
      return {.first = last_x * stride, .x = -stride, .y = element};
    default:
      return {.first = 0, .x = element, .y = stride};
  }
}

/// Rotates a plane of pairs of U and V, for which libyuv has no function. Works in tiles to stay in the
/// cache.
void turn_pairs(const Plane& from, std::uint8_t* to, std::ptrdiff_t stride, Turn turn) {
  constexpr int kBytes = 2;
  constexpr int kTile = 32;
  const int width = from.row_bytes / kBytes;
  const int height = from.rows;
  const auto steps = find_steps(turn.quarters, width - 1, height - 1, kBytes, stride);
  for (int top = 0; top < height; top += kTile) {
    for (int left = 0; left < width; left += kTile) {
      const std::ptrdiff_t count = std::min(kTile, width - left);
      for (int y = top; y < std::min(top + kTile, height); ++y) {
        const auto* const source = from.row(turn.flip ? height - 1 - y : y) + std::ptrdiff_t{left} * kBytes;
        auto* const target = to + steps.first + y * steps.y + left * steps.x;
        for (std::ptrdiff_t i = 0; i < count; ++i)
          std::memcpy(target + i * steps.x, source + i * kBytes, kBytes);
      }
    }
  }
}

void turn_plane(const Picture& from, const MutablePicture& to, int index, Turn turn) {
  const auto& source = view_plane(from, index);
  auto* const target = to.row(index);
  const auto stride = view_plane(to, index).stride;
  if (is_packed_rgb(from.format.format)) return turn_rgb(source, target, stride, turn);
  if (from.format.format == PixelFormat::Nv12 && index == 1) return turn_pairs(source, target, stride, turn);
  // For libyuv a negative height means bottom-up.
  libyuv::RotatePlane(source.data, static_cast<int>(source.stride), target, static_cast<int>(stride),
                      source.row_bytes, turn.flip ? -source.rows : source.rows,
                      choose_rotation(turn.quarters));
}

}  // namespace

Turn read_turn(const std::int32_t* display_matrix) noexcept {
  const double a = display_matrix[0];
  const double b = display_matrix[1];
  const double c = display_matrix[3];
  const double d = display_matrix[4];
  // Up to about one degree off a right angle, as in FFmpeg; tan(1 degree) is 0.0175.
  constexpr double kOff = 0.02;
  const double along = std::max(std::abs(a), std::abs(d));
  const double across = std::max(std::abs(b), std::abs(c));
  const auto sign = [](double value) { return value < 0 ? -1 : 1; };
  if (a != 0 && d != 0 && across <= kOff * along) return read_turn(Axes{sign(a), 0, 0, sign(d)});
  if (b != 0 && c != 0 && along <= kOff * across) return read_turn(Axes{0, sign(c), sign(b), 0});
  return {};
}

Turn read_turn(const AVStream& stream) noexcept {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
  const auto& codec = *stream.codecpar;
  const AVPacketSideData* entry =
      av_packet_side_data_get(codec.coded_side_data, codec.nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (entry != nullptr) {
    data = entry->data;
    size = entry->size;
  }
#else
  data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
#endif
  DisplayMatrix matrix{};
  if (data == nullptr || size < kMatrixBytes) return {};
  std::memcpy(matrix.data(), data, kMatrixBytes);
  return read_turn(matrix.data());
}

Turn make_exif_turn(int orientation) noexcept {
  switch (orientation) {
    case 2:
      return read_turn(Axes{-1, 0, 0, 1});
    case 3:
      return read_turn(Axes{-1, 0, 0, -1});
    case 4:
      return read_turn(Axes{1, 0, 0, -1});
    case 5:
      return read_turn(Axes{0, 1, 1, 0});
    case 6:
      return read_turn(Axes{0, -1, 1, 0});
    case 7:
      return read_turn(Axes{0, -1, -1, 0});
    case 8:
      return read_turn(Axes{0, 1, -1, 0});
    default:
      return {};
  }
}

Turn read_turn(const AVFrame& frame, Turn otherwise) noexcept {
  const AVFrameSideData* data = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (data != nullptr && data->size >= kMatrixBytes) {
    DisplayMatrix matrix{};
    std::memcpy(matrix.data(), data->data, kMatrixBytes);
    return read_turn(matrix.data());
  }
  const AVDictionaryEntry* exif = av_dict_get(frame.metadata, "Orientation", nullptr, 0);
  // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion): 0 is no turn
  return exif != nullptr ? make_exif_turn(std::atoi(exif->value)) : otherwise;
}

void store_turn(AVStream& stream, Turn turn) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
  auto& codec = *stream.codecpar;
  if (turn.none()) {
    av_packet_side_data_remove(codec.coded_side_data, &codec.nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return;
  }
  const AVPacketSideData* const entry = av_packet_side_data_new(
      &codec.coded_side_data, &codec.nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX, kMatrixBytes, 0);
  std::uint8_t* const data = entry != nullptr ? entry->data : nullptr;
#else
  if (turn.none()) return;
  std::uint8_t* const data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, kMatrixBytes);
#endif
  if (data == nullptr) throw std::bad_alloc();
  const auto matrix = make_matrix(turn);
  std::memcpy(data, matrix.data(), kMatrixBytes);
}

Frame turned(const Frame& frame, Turn turn) {
  if (turn.none()) return frame;
  if (turn.lies() && frame.format() == PixelFormat::I422) return turned(frame.to(PixelFormat::I444), turn);
  auto format = frame.picture_format();
  if (turn.lies()) {
    format.space = core::choose_matrix(format);  // the default depends on the height as stored
    std::swap(format.width, format.height);
  }
  FrameBuilder builder(format);
  for (int i = 0; i < format.plane_count(); ++i) turn_plane(frame.picture(), builder.picture(), i, turn);
  return std::move(builder).publish(pixel_ops());
}

}  // namespace freshframe::media
