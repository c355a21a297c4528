// Regions of interest: the right bytes of every format, in the memory of the whole frame.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/region.hpp"

#include "freshframe/error.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace freshframe {
namespace {

// Each byte of a plane encodes its position.
std::uint8_t level(int plane, int x, int y) {
  return static_cast<std::uint8_t>(plane * 85 + x * 3 + y * 7);
}

Frame frame_of(PixelFormat format, int width = 37, int height = 23) {
  FrameBuilder builder({.width = width, .height = height, .format = format});
  for (int i = 0; i < builder.picture().format.plane_count(); ++i) {
    const auto& plane = builder.picture().planes[static_cast<std::size_t>(i)];
    for (int y = 0; y < plane.rows; ++y) {
      for (int x = 0; x < plane.row_bytes; ++x)
        (builder.plane(i) + y * builder.stride(i))[x] = level(i, x, y);
    }
  }
  return std::move(builder).publish();
}

struct Case {
  PixelFormat format;
  int x, y;       // position at which the region starts
  int across[3];  // bytes in a row before the region
  int down[3];    // rows before it
  const char* name;
};

TEST(Region, HasTheBytesOfEachPlane) {
  for (const auto& [format, x, y, across, down, name] : {
           Case{PixelFormat::Gray, 7, 5, {7}, {5}, "gray"},
           Case{PixelFormat::Bgr, 7, 5, {21}, {5}, "bgr"},
           Case{PixelFormat::Nv12, 6, 4, {6, 6}, {4, 2}, "nv12"},
           Case{PixelFormat::I420, 6, 4, {6, 3, 3}, {4, 2, 2}, "i420"},
           Case{PixelFormat::I422, 6, 5, {6, 3, 3}, {5, 5, 5}, "i422"},
           Case{PixelFormat::I444, 7, 5, {7, 7, 7}, {5, 5, 5}, "i444"},
       }) {
    const auto whole = frame_of(format);
    const auto part = view_part(whole, {7, 5, 37, 18});
    EXPECT_EQ(part.x, x) << name;
    EXPECT_EQ(part.y, y) << name;
    EXPECT_EQ(part.frame.width(), 37 - x) << name;
    EXPECT_EQ(part.frame.height(), 18 - y) << name;
    const auto planes = part.frame.planes();
    for (std::size_t i = 0; i < planes.size(); ++i) {
      const int number = static_cast<int>(i);
      const auto shape = part.frame.picture_format().plane_shape(number);
      ASSERT_EQ(planes[i].rows, shape.rows) << name;
      ASSERT_EQ(planes[i].row_bytes, shape.row_bytes) << name;
      for (const int row : {0, planes[i].rows - 1}) {
        for (const int column : {0, planes[i].row_bytes - 1}) {
          EXPECT_EQ(planes[i].row(row)[column], level(number, across[i] + column, down[i] + row)) << name;
        }
      }
      EXPECT_EQ(planes[i].data, whole.planes()[i].row(down[i]) + across[i]) << name;  // no copy
    }
  }
}

TEST(Region, KeepsThePictureAndTheMatrixOfTheWholeOne) {
  const auto part = view_part(frame_of(PixelFormat::I420, 64, 800), {0, 0, 64, 100}).frame;
  EXPECT_EQ(part.luma().row(99)[63], level(0, 63, 99));  // the handle of the full frame is gone
  EXPECT_EQ(part.picture_format().space, ColorSpace::Bt709);
}

TEST(Region, OfAPlaneIsExact) {
  const auto whole = frame_of(PixelFormat::I420);
  const auto part = view_part(whole.luma(), {7, 5, 9, 8});
  EXPECT_EQ(part.rows, 3);
  EXPECT_EQ(part.row_bytes, 2);
  EXPECT_EQ(part.row(2)[1], level(0, 8, 7));
}

TEST(Region, OutsideOfThePictureOrWithoutPixelsIsRefused) {
  const auto frame = frame_of(PixelFormat::Gray);
  EXPECT_NO_THROW((void)view_part(frame, {0, 0, 37, 23}));
  EXPECT_THROW((void)view_part(frame, {0, 0, 38, 23}), OptionError);
  EXPECT_THROW((void)view_part(frame.luma(), {0, 0, 37, 24}), OptionError);
  EXPECT_NO_THROW(check_region({0, 0, 2, 1}));
  for (const Region wrong :
       {Region{-1, 0, 1, 1}, Region{0, -1, 1, 1}, Region{1, 0, 1, 1}, Region{0, 3, 1, 2}}) {
    EXPECT_THROW(check_region(wrong), OptionError);
    EXPECT_THROW((void)view_part(frame, wrong), OptionError);
    EXPECT_THROW((void)view_part(frame.luma(), wrong), OptionError);
  }
}

TEST(Region, OfOnePixelIsTakenForPartsOfThePicture) {
  try {
    check_region({0, 0, 1, 1});
    ADD_FAILURE() << "it was accepted";
  } catch (const OptionError& error) {
    EXPECT_NE(std::string(error.what()).find("not in fractions of its width"), std::string::npos)
        << error.what();
  }
  EXPECT_NO_THROW(check_region({0, 0, 1, 2}));
}

}  // namespace
}  // namespace freshframe
