// The properties of a browser's frame: codec, keyframe and size, also if its bytes are truncated or corrupt.
// SPDX-License-Identifier: Apache-2.0
#include "sources/browser/encoded_image.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cpp/sources/browser/browser_clip.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::FeedCodec;
using media::browser::look_at_image;

TEST(EncodedImage, FindsKeyframesAndTheirSizeInEachCodec) {
  constexpr int kFrames = 12;
  for (const auto codec : kFeedCodecs) {
    SCOPED_TRACE(core::to_string(codec));
    for (const auto& frame : browser_clip(codec, kFrames)) {
      const auto image = look_at_image(codec, frame.bytes);
      ASSERT_TRUE(image);
      EXPECT_EQ(image->key, frame.key);
      EXPECT_EQ(image->notes.refresh == Refresh::All, frame.key);
      if (!frame.key) continue;
      EXPECT_EQ(image->width, kWidth);
      EXPECT_EQ(image->height, kHeight);
    }
  }
}

TEST(EncodedImage, ReadsSizesThatAreNotMultiplesOfABlock) {
  for (const auto codec : kFeedCodecs) {
    SCOPED_TRACE(core::to_string(codec));
    const auto frames = browser_clip(codec, 1, 250, 130);
    if (frames.empty()) continue;
    const auto image = look_at_image(codec, frames[0].bytes);
    ASSERT_TRUE(image);
    const bool is_padded = codec == FeedCodec::H264;
    EXPECT_EQ(image->width, is_padded ? 256 : 250);
    EXPECT_EQ(image->height, is_padded ? 144 : 130);
  }
}

TEST(EncodedImage, IsEmptyForSeveralSizesInOneFrame) {
  const std::vector<std::uint8_t> set{0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x02, 0x80, 0xF6, 0x40};
  const std::vector<std::uint8_t> picture_set{0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80};
  const std::vector<std::uint8_t> delta{0, 0, 0, 1, 0x41, 0x9A, 0x24, 0x6C, 0x41, 0x4F};
  const auto join = [](std::initializer_list<std::vector<std::uint8_t>> units) {
    std::vector<std::uint8_t> bytes;
    for (const auto& unit : units) bytes.insert(bytes.end(), unit.begin(), unit.end());
    return bytes;
  };
  EXPECT_TRUE(look_at_image(FeedCodec::H264, delta));
  EXPECT_TRUE(look_at_image(FeedCodec::H264, join({picture_set, delta})));
  EXPECT_FALSE(look_at_image(FeedCodec::H264, join({set, set, picture_set, delta})));
}

TEST(EncodedImage, IsEmptyForFramesOfAnotherCodec) {
  for (const auto codec : kFeedCodecs) {
    const auto frames = browser_clip(codec, 1);
    if (frames.empty()) continue;
    for (const auto other : kFeedCodecs) {
      if (other == codec) continue;
      SCOPED_TRACE(std::string(core::to_string(codec)) + " as " + std::string(core::to_string(other)));
      const auto image = look_at_image(other, frames[0].bytes);
      EXPECT_FALSE(image && image->key);
    }
    EXPECT_FALSE(look_at_image(codec, {}));
  }
}

TEST(EncodedImage, StatesTheSizesOfAFrameThatClaimsToBeHuge) {
  std::vector<std::uint8_t> vp8{0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F};
  EXPECT_EQ(look_at_image(FeedCodec::Vp8, vp8)->width, 16383);
  const std::vector<std::uint8_t> jpeg{0xFF, 0xD8, 0xFF, 0xE0, 0,    4,    1,    2,    0xFF,
                                       0xC0, 0,    17,   8,    0xFF, 0xFE, 0xFF, 0xFD, 3};
  EXPECT_EQ(look_at_image(FeedCodec::Mjpeg, jpeg)->height, 65534);
  EXPECT_EQ(look_at_image(FeedCodec::Mjpeg, jpeg)->width, 65533);
  vp8.pop_back();
  EXPECT_FALSE(look_at_image(FeedCodec::Vp8, vp8));
}

// A sanitizer checks that no bytes beyond the frame are read.
TEST(EncodedImage, ReadsCutAndChangedFrames) {
  std::mt19937 random(7);
  for (const auto codec : kFeedCodecs) {
    for (const auto& frame : browser_clip(codec, 2)) {
      for (std::size_t size = 0; size < std::min<std::size_t>(frame.bytes.size(), 200); ++size) {
        const std::vector<std::uint8_t> cut(frame.bytes.begin(),
                                            frame.bytes.begin() + static_cast<std::ptrdiff_t>(size));
        for (const auto as : kFeedCodecs) static_cast<void>(look_at_image(as, cut));
      }
      for (int n = 0; n < 2000; ++n) {
        auto changed = frame.bytes;
        for (int k = 0; k < 3; ++k)
          changed[random() % std::min<std::size_t>(changed.size(), 64)] = static_cast<std::uint8_t>(random());
        const auto image = look_at_image(codec, changed);
        if (image && image->key) {
          EXPECT_GE(image->width, 0);
          EXPECT_GE(image->height, 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace freshframe::test
