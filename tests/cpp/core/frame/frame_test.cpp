// Frames: shapes, sharing, wrapping, cached conversions, pooled memory.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/frame.hpp"

#include "freshframe/error.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr PixelFormat kAllFormats[] = {PixelFormat::Gray, PixelFormat::Nv12, PixelFormat::I420,
                                       PixelFormat::I422, PixelFormat::I444, PixelFormat::Bgr,
                                       PixelFormat::Rgb};

TEST(PixelFormat, NamesAreSpeltAsInPythonAndReadBack) {
  const char* const names[] = {"gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"};
  for (int i = 0; i < kPixelFormats; ++i) {
    EXPECT_EQ(to_string(kAllFormats[i]), names[i]);
    EXPECT_EQ(pixel_format(names[i]), kAllFormats[i]);
  }
  EXPECT_EQ(pixel_format("rgba"), std::nullopt);
  EXPECT_EQ(pixel_format("GRAY"), std::nullopt);
  EXPECT_EQ(pixel_format(""), std::nullopt);
  EXPECT_EQ(to_string(ColorRange::Limited), "limited");
  EXPECT_EQ(to_string(ColorRange::Full), "full");
}

TEST(PictureFormat, ChromaOfOddSizesIsRoundedUp) {
  struct Shape {
    PixelFormat format;
    std::vector<std::pair<int, int>> planes;  // rows, bytes per row
  };
  const Shape shapes[] = {{PixelFormat::Gray, {{3, 5}}},
                          {PixelFormat::Nv12, {{3, 5}, {2, 6}}},
                          {PixelFormat::I420, {{3, 5}, {2, 3}, {2, 3}}},
                          {PixelFormat::I422, {{3, 5}, {3, 3}, {3, 3}}},
                          {PixelFormat::I444, {{3, 5}, {3, 5}, {3, 5}}},
                          {PixelFormat::Bgr, {{3, 15}}},
                          {PixelFormat::Rgb, {{3, 15}}}};
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(to_string(shape.format));
    const PictureFormat format{.width = 5, .height = 3, .format = shape.format};
    ASSERT_EQ(format.plane_count(), static_cast<int>(shape.planes.size()));
    for (int i = 0; i < format.plane_count(); ++i) {
      EXPECT_EQ(format.plane_shape(i).rows, shape.planes[static_cast<std::size_t>(i)].first);
      EXPECT_EQ(format.plane_shape(i).row_bytes, shape.planes[static_cast<std::size_t>(i)].second);
    }
  }
}

TEST(FrameBuilder, EveryPlaneIsAlignedAndKeepsWhatWasWritten) {
  for (const PixelFormat pixel_format : kAllFormats) {
    SCOPED_TRACE(to_string(pixel_format));
    const PictureFormat format{.width = 37,
                               .height = 11,
                               .format = pixel_format,
                               .range = ColorRange::Full,
                               .space = ColorSpace::Bt709};
    FrameBuilder builder(format);
    for (int i = 0; i < format.plane_count(); ++i) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(builder.plane(i)) % 64, 0U);
      const Plane shape = format.plane_shape(i);
      ASSERT_GE(builder.stride(i), shape.row_bytes);
      for (int y = 0; y < shape.rows; ++y) {
        std::memset(builder.plane(i) + y * builder.stride(i), 16 * i + y,
                    static_cast<std::size_t>(shape.row_bytes));
      }
    }
    const Frame frame = std::move(builder).publish();
    EXPECT_EQ(frame.picture_format(), format);
    ASSERT_EQ(frame.planes().size(), static_cast<std::size_t>(format.plane_count()));
    for (int i = 0; i < format.plane_count(); ++i) {
      const Plane& plane = frame.planes()[static_cast<std::size_t>(i)];
      for (int y = 0; y < plane.rows; ++y) {
        EXPECT_EQ(plane.row(y)[0], 16 * i + y);
        EXPECT_EQ(plane.row(y)[plane.row_bytes - 1], 16 * i + y);
      }
    }
  }
}

TEST(FrameBuilder, RefusesSizesThatCannotBe) {
  for (const auto& [width, height] : {std::pair{0, 4}, {4, 0}, {-1, 4}, {4, -7}, {1 << 20, 4}}) {
    const std::string size = std::to_string(width) + "x" + std::to_string(height);
    EXPECT_TRUE(contains(message_of<Error>([&, w = width, h = height] {
                           (void)FrameBuilder({.width = w, .height = h, .format = PixelFormat::Bgr});
                         }),
                         size));
  }
}

TEST(Frame, AnEmptyHandleIsFalseAndEqualsOnlyEmptyHandles) {
  const Frame empty;
  const Frame copy = empty;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the test
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty, copy);
  EXPECT_NE(empty, gray_frame(1));
}

TEST(Frame, CopyingSharesThePixels) {
  const Frame frame = gray_frame(7);
  const Frame copy = frame;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the test
  EXPECT_EQ(copy, frame);
  EXPECT_EQ(copy.planes()[0].data, frame.planes()[0].data);
  EXPECT_NE(gray_frame(7), frame);
}

TEST(Frame, AMovedFromHandleIsEmpty) {
  Frame frame = gray_frame(7);
  const Frame moved = std::move(frame);
  EXPECT_TRUE(moved);
  EXPECT_FALSE(frame);  // NOLINT(bugprone-use-after-move): the state after a move is the test
}

TEST(Frame, TheMarkOfADamagedPictureBelongsToAHandleAndItsCopies) {
  const auto whole = gray_frame(1);
  auto damaged = whole;
  damaged.mark_damaged();
  EXPECT_FALSE(whole.is_damaged()) << "the same picture may be whole in another sample";
  EXPECT_EQ(whole, damaged);
  const auto copy = damaged;
  EXPECT_TRUE(copy.is_damaged());
  EXPECT_TRUE(damaged.keep().is_damaged());
  EXPECT_TRUE(core::FrameAccess::engine(damaged.keep()).is_damaged());
  EXPECT_TRUE(damaged.to(PixelFormat::Gray).is_damaged());
  EXPECT_TRUE(Frame(std::move(damaged)).is_damaged());
}

TEST(Frame, WrapReleasesOnceWithTheLastHandle) {
  Lent lent;
  {
    Frame frame = lent.wrap();
    const Frame copy = frame;
    EXPECT_EQ(frame.planes()[0].data, lent.pixels.data());
    EXPECT_EQ(frame.size_bytes(), lent.pixels.size());
    frame = Frame();
    EXPECT_EQ(lent.releases, 0);
    EXPECT_EQ(copy.luma().row(1)[1], lent.pixels[static_cast<std::size_t>(Lent::kWidth) + 1]);
  }
  EXPECT_EQ(lent.releases, 1);
}

TEST(Frame, WrapReleasesOnceWhenManyThreadsDropTheirHandles) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 50; ++round) {
    Lent lent;
    {
      std::barrier start(kThreads);
      std::vector<std::jthread> threads;
      Frame frame = lent.wrap();
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&start, mine = frame]() mutable {
          start.arrive_and_wait();
          Frame copy = mine.keep();
          mine = Frame();
          copy = core::FrameAccess::engine(copy);
        });
      }
      frame = Frame();
    }
    EXPECT_EQ(lent.releases, 1);
  }
}

TEST(Frame, AConvertedFormKeepsTheOriginalPixelsAlive) {
  Lent lent;
  {
    Frame frame = lent.wrap(PixelFormat::I420);
    const Frame gray = frame.to(PixelFormat::Gray);
    frame = Frame();
    EXPECT_EQ(lent.releases, 0);
    EXPECT_EQ(gray.format(), PixelFormat::Gray);
    EXPECT_EQ(gray.luma().row(0)[0], lent.pixels[0]);
  }
  EXPECT_EQ(lent.releases, 1);
}

TEST(Frame, ToItsOwnFormatIsTheSameFrameAndConvertsNothing) {
  const CountingOps ops;
  const Frame frame = frame_with(ops, PixelFormat::I420);
  EXPECT_EQ(frame.to(PixelFormat::I420), frame);
  EXPECT_EQ(ops.calls, 0);
}

TEST(Frame, LumaOfPlanarPicturesIsPlaneZeroWithoutACopy) {
  const CountingOps ops;
  for (const PixelFormat format :
       {PixelFormat::Gray, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422, PixelFormat::I444}) {
    const Frame frame = frame_with(ops, format);
    EXPECT_EQ(frame.luma().data, frame.planes()[0].data);
    EXPECT_EQ(frame.luma().stride, frame.planes()[0].stride);
  }
  EXPECT_EQ(ops.calls, 0);
}

TEST(Frame, LumaOfColourIsConvertedOnceAndShared) {
  const CountingOps ops;
  const Frame frame = frame_with(ops, PixelFormat::Bgr);
  const Frame copy = frame;
  const Plane luma = frame.luma();
  EXPECT_EQ(luma.rows, frame.height());
  EXPECT_EQ(luma.row_bytes, frame.width());
  EXPECT_EQ(copy.luma().data, luma.data);
  EXPECT_EQ(copy.to(PixelFormat::Gray).planes()[0].data, luma.data);
  EXPECT_EQ(ops.calls, 1);
}

TEST(Frame, ManyThreadsShareOneConversion) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 30; ++round) {
    const CountingOps ops(std::chrono::microseconds{300});  // long enough for the other threads to arrive
    const Frame frame = frame_with(ops, PixelFormat::I420);
    std::barrier start(kThreads);
    std::atomic<const std::uint8_t*> first{nullptr};
    std::atomic<int> different{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          start.arrive_and_wait();
          const Frame bgr = frame.to(PixelFormat::Bgr);
          const std::uint8_t* expected = nullptr;
          const std::uint8_t* const data = bgr.planes()[0].data;
          if (!first.compare_exchange_strong(expected, data) && expected != data) ++different;
          if (bgr.planes()[0].row(0)[0] != CountingOps::kFill) ++different;  // observed before it was written
        });
      }
    }
    EXPECT_EQ(ops.calls, 1);
    EXPECT_EQ(different, 0);
  }
}

TEST(Frame, SizeCountsEveryFormatConvertedSoFar) {
  const CountingOps ops;
  const Frame frame = frame_with(ops, PixelFormat::I420);
  const std::size_t before = frame.size_bytes();
  const Frame bgr = frame.to(PixelFormat::Bgr);
  EXPECT_GE(frame.size_bytes(),
            before + static_cast<std::size_t>(frame.width()) * 3U * static_cast<std::size_t>(frame.height()));
  EXPECT_EQ(bgr.size_bytes(), frame.size_bytes());
}

TEST(Frame, AConversionThatNobodyCanDoIsAnErrorThatNamesBothFormatsEachTime) {
  const Frame frame = gray_frame(1);
  for (int i = 0; i < 2; ++i) {
    const std::string message = message_of<Error>([&] { (void)frame.to(PixelFormat::Bgr); });
    EXPECT_TRUE(contains(message, "gray")) << message;
    EXPECT_TRUE(contains(message, "bgr")) << message;
  }
  EXPECT_EQ(frame.luma().row(0)[0], 1);  // the frame stays usable
}

TEST(FramePacked, LiesWithoutGapsIsMadeOnceAndShared) {
  const PictureFormat format{.width = 38, .height = 10, .format = PixelFormat::I420};
  FrameBuilder builder(format);
  for (int i = 0; i < 3; ++i) {
    const Plane shape = format.plane_shape(i);
    for (int y = 0; y < shape.rows; ++y) {
      std::memset(builder.plane(i) + y * builder.stride(i), 50 * i + y,
                  static_cast<std::size_t>(shape.row_bytes));
    }
  }
  const Frame frame = std::move(builder).publish();
  const Frame copy = frame;
  const auto packed = frame.pack_planes();
  ASSERT_EQ(packed.size(), 38U * 10 + 2U * 19 * 5);
  EXPECT_TRUE(copy.has_packed());
  EXPECT_EQ(copy.pack_planes().data(), packed.data());
  EXPECT_EQ(packed[0], 0);
  EXPECT_EQ(packed[38 * 9 + 37], 9);
  EXPECT_EQ(packed[380], 50);
  EXPECT_EQ(packed[380 + 19 * 5], 100);
  EXPECT_EQ(packed.back(), 104);
}

TEST(FramePacked, OfPlanesThatLieSoAlreadyIsNoCopy) {
  Lent lent;
  const Frame frame = lent.wrap(PixelFormat::I420);
  EXPECT_EQ(frame.pack_planes().data(), lent.pixels.data());
}

TEST(FramePacked, OfAnOddSizeOfASubsampledFormatIsAnError) {
  for (const PixelFormat format : {PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422}) {
    const Frame frame = FrameBuilder({.width = 5, .height = 3, .format = format}).publish();
    EXPECT_THROW((void)frame.pack_planes(), Error) << to_string(format);
  }
  EXPECT_NO_THROW(
      (void)FrameBuilder({.width = 5, .height = 3, .format = PixelFormat::I444}).publish().pack_planes());
}

TEST(BasicPixelOps, GrayOfAPlanarPictureIsItsLuma) {
  for (const PixelFormat format :
       {PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422, PixelFormat::I444}) {
    Lent lent;
    const Frame gray = lent.wrap(format).to(PixelFormat::Gray);
    ASSERT_EQ(gray.planes().size(), 1U);
    ASSERT_EQ(gray.planes()[0].rows, Lent::kHeight);
    for (int y = 0; y < Lent::kHeight; ++y) {
      EXPECT_EQ(std::memcmp(gray.planes()[0].row(y), lent.pixels.data() + std::ptrdiff_t{y} * Lent::kWidth,
                            Lent::kWidth),
                0);
    }
  }
}

TEST(BasicPixelOps, CopiesBetweenEqualFormatsWithOtherStrides) {
  for (const PixelFormat pixel_format : kAllFormats) {
    SCOPED_TRACE(to_string(pixel_format));
    Lent lent;
    const Frame from = lent.wrap(pixel_format);
    FrameBuilder builder(from.picture_format());
    ASSERT_TRUE(basic_pixel_ops().convert(from.picture(), builder.picture()));
    const Frame copy = std::move(builder).publish();
    for (std::size_t i = 0; i < from.planes().size(); ++i) {
      for (int y = 0; y < from.planes()[i].rows; ++y) {
        EXPECT_EQ(std::memcmp(copy.planes()[i].row(y), from.planes()[i].row(y),
                              static_cast<std::size_t>(from.planes()[i].row_bytes)),
                  0);
      }
    }
  }
}

TEST(BasicPixelOps, RefusesEverythingElse) {
  const Frame frame = gray_frame(1);
  const FrameBuilder builder({.width = frame.width(), .height = frame.height(), .format = PixelFormat::Rgb});
  EXPECT_FALSE(basic_pixel_ops().convert(frame.picture(), builder.picture()));
}

}  // namespace
}  // namespace freshframe::test
