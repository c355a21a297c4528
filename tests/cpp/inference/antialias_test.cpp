// Antialiased downscaling, and the centre crop of images that cover the input.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cpp/fingerprint.hpp"
#include "cpp/simd_targets.hpp"
#include "inference/picture/letterbox.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

std::vector<float> filled(const Frame& frame, const InputForm& form) {
  Letterbox box(form);
  std::vector<float> tensor(box.floats() + 1, -7);
  box.fill(frame.picture(), tensor.data());
  EXPECT_EQ(tensor.back(), -7);  // nothing was written beyond the tensor
  tensor.pop_back();
  return tensor;
}

// Pseudo-random pixels, the same on every machine.
Frame random_levels(int width, int height, PixelFormat format) {
  FrameBuilder builder({.width = width, .height = height, .format = format});
  unsigned state = 5;
  for (int i = 0; i < builder.picture().format.plane_count(); ++i) {
    const auto shape = builder.picture().format.plane_shape(i);
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x) {
        state = state * 1664525U + 1013904223U;
        builder.plane(i)[y * builder.stride(i) + x] = static_cast<std::uint8_t>(state >> 24U);
      }
    }
  }
  return std::move(builder).publish(pixel_ops());
}

Frame gray(int width, int height, const std::vector<std::uint8_t>& levels) {
  FrameBuilder builder(
      {.width = width, .height = height, .format = PixelFormat::Gray, .range = ColorRange::Full});
  for (int y = 0; y < height; ++y)
    std::copy_n(levels.begin() + y * width, width, builder.plane(0) + y * builder.stride(0));
  return std::move(builder).publish(pixel_ops());
}

std::vector<int> whole_levels(const std::vector<float>& tensor) {
  std::vector<int> levels;
  for (const float number : tensor) levels.push_back(static_cast<int>(std::lround(255 * number)));
  return levels;
}

InputForm smooth(int width, int height, Fit fit = Fit::Stretch) {
  return {.width = width, .height = height, .fit = fit, .antialias = true};
}

// At half the size, the filter is a triangle of 4 samples, of which the edge cuts one off: the weights are 3, 3 and 1
// of 7.
TEST(Antialias, AllSamplesCountByTheirDistance) {
  auto form = smooth(2, 1);
  form.channels = 1;
  EXPECT_EQ(whole_levels(filled(gray(4, 1, {0, 70, 140, 210}), form)), (std::vector<int>{50, 160}));
  form = smooth(1, 2);
  form.channels = 1;
  EXPECT_EQ(whole_levels(filled(gray(1, 4, {0, 70, 140, 210}), form)), (std::vector<int>{50, 160}));
}

// The fingerprints are of Image.resize((to_width, to_height), Resampling.BILINEAR) of Pillow 13.0.0. There is no case
// in which the height shrinks more than the width: Pillow 13 then scales vertically first, and some levels differ by
// one.
TEST(Antialias, PackedPicturesHaveTheLevelsOfPillow) {
  struct Case {
    int width;
    int height;
    int to_width;
    int to_height;
    std::uint64_t levels;
  };
  for (const auto& [width, height, to_width, to_height, levels] : std::vector<Case>{
           {131, 67, 24, 11, 0xfb839a235a2de921U},
           {67, 131, 77, 151, 0x2febd9b14d5dc16dU},
           {333, 217, 96, 63, 0xab5dffd3eb1fe15eU},
           {1280, 72, 24, 9, 0x45ffaedb06199f27U},
           {5, 3, 96, 58, 0xfa99cafceca26886U},
           {1, 1, 9, 9, 0x952932cd8d406a2aU},
           {640, 480, 224, 224, 0x632adf0cdcb264fbU},
       }) {
    const auto rgb = random_levels(width, height, PixelFormat::Rgb);
    const auto form = smooth(to_width, to_height);
    for (const auto target : test::simd_targets()) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height) + " " + hwy::TargetName(target));
      const test::OnlyTarget only(target);
      const auto tensor = filled(rgb, form);
      test::Fingerprint found;
      const auto plane = tensor.size() / 3;
      for (std::size_t i = 0; i < plane; ++i) {
        for (std::size_t colour = 0; colour < 3; ++colour)
          found.add(static_cast<std::uint8_t>(std::lround(255 * tensor[colour * plane + i])));
      }
      EXPECT_EQ(found.value(), levels);
      EXPECT_EQ(filled(rgb.to(PixelFormat::Bgr), form), tensor);
    }
  }
}

// Antialiasing is defined on red, green and blue.
TEST(Antialias, PlanesOfColoursAreRefused) {
  std::vector<float> tensor(3 * 4 * 4);
  for (const auto format : {PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422, PixelFormat::I444}) {
    EXPECT_FALSE(takes(smooth(4, 4), format));
    EXPECT_THROW(Letterbox(smooth(4, 4)).fill(random_levels(8, 8, format).picture(), tensor.data()), Error);
  }
}

TEST(Antialias, OneLetterboxScalesPicturesOfManySizesAndFormats) {
  const auto form = smooth(40, 30, Fit::Cover);
  Letterbox box(form);
  std::vector<float> tensor(box.floats());
  for (const int width : {700, 3, 100, 1}) {
    for (const auto format : {PixelFormat::Bgr, PixelFormat::Gray, PixelFormat::Rgb}) {
      const auto frame = random_levels(width, 77, format);
      box.fill(frame.picture(), tensor.data());
      EXPECT_EQ(tensor, filled(frame, form));
    }
  }
}

// Like torchvision's Resize(input) and CenterCrop(input): crops the longer side, and rounds half pixels to even.
TEST(Cover, IsThePlaceOfTorchvision) {
  const InputForm form{.width = 224, .height = 224, .fit = Fit::Cover};
  const auto wide = place(1280, 720, form);
  EXPECT_EQ((std::vector{wide.width, wide.height, wide.left, wide.top}), (std::vector{398, 224, -87, 0}));
  const auto tall = place(50, 77, form);  // 344.96; 60
  EXPECT_EQ((std::vector{tall.width, tall.height, tall.left, tall.top}), (std::vector{224, 344, 0, -60}));
  const auto odd = place(1000, 995, form);  // 225.13: half a pixel
  EXPECT_EQ((std::vector{odd.width, odd.left}), (std::vector{225, 0}));
  const auto other = place(100, 100, {.width = 60, .height = 20, .fit = Fit::Cover});
  EXPECT_EQ((std::vector{other.width, other.height, other.left, other.top}), (std::vector{60, 60, 0, -20}));
}

TEST(Cover, ShowsTheMiddleOfTheScaledPicture) {
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{131, 67}, {67, 131}, {20, 200}, {32, 32}}) {
    for (const auto format : {PixelFormat::Rgb, PixelFormat::Gray, PixelFormat::Nv12, PixelFormat::I422}) {
      for (const bool antialias : {false, true}) {
        SCOPED_TRACE(std::string(to_string(format)) + " " + std::to_string(width));
        const auto frame = random_levels(width, height, format);
        const InputForm form{.width = 48, .height = 32, .fit = Fit::Cover, .antialias = antialias};
        if (!takes(form, format)) continue;
        const auto shown = filled(frame, form);
        const auto where = place(width, height, form);
        const auto all = filled(
            frame,
            {.width = where.width, .height = where.height, .fit = Fit::Stretch, .antialias = antialias});
        std::vector<float> middle;
        for (int c = 0; c < 3; ++c) {
          for (int y = 0; y < 32; ++y) {
            const auto at = all.begin() + (c * where.height + y - where.top) * where.width - where.left;
            middle.insert(middle.end(), at, at + 48);
          }
        }
        EXPECT_EQ(whole_levels(shown), whole_levels(middle));
      }
    }
  }
}

}  // namespace
}  // namespace freshframe::inference
