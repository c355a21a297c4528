// Images as tensors: compared with plain arithmetic, in every format and on every instruction set.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/letterbox.hpp"

#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cpp/fingerprint.hpp"
#include "cpp/simd_targets.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

// A smooth image in BGR, from which the other formats are converted.
Frame picture(int width, int height) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Bgr});
  for (int y = 0; y < height; ++y) {
    auto* const row = builder.plane(0) + y * builder.stride(0);
    for (int x = 0; x < width; ++x) {
      row[3 * x] = static_cast<std::uint8_t>(128 + 90 * std::sin(x / 30.0));
      row[3 * x + 1] = static_cast<std::uint8_t>(128 + 90 * std::cos(y / 25.0));
      row[3 * x + 2] = static_cast<std::uint8_t>(128 + 90 * std::sin((x + y) / 40.0));
    }
  }
  return std::move(builder).publish(pixel_ops());
}

std::vector<float> tensor_of(const Frame& frame, const InputForm& form) {
  Letterbox box(form);
  std::vector<float> tensor(box.floats() + 1, -7);
  box.fill(frame.picture(), tensor.data());
  EXPECT_EQ(tensor.back(), -7);  // nothing was written beyond the tensor
  tensor.pop_back();
  return tensor;
}

// Reference implementation: scales BGR bilinearly, one value at a time.
std::vector<float> expected(const Frame& bgr, const InputForm& form) {
  const auto where = place(bgr.width(), bgr.height(), form);
  std::vector<float> out(3 * static_cast<std::size_t>(form.width * form.height), 114 / 255.0F);
  const auto plane = bgr.planes()[0];
  const auto level = [&](int x, int y, int c) {
    const auto* const row = plane.row(std::clamp(y, 0, bgr.height() - 1));
    return static_cast<double>(row[3 * std::clamp(x, 0, bgr.width() - 1) + 2 - c]);
  };
  for (int y = 0; y < where.height; ++y) {
    for (int x = 0; x < where.width; ++x) {
      const double u = std::clamp((x + 0.5) * bgr.width() / where.width - 0.5, 0.0, bgr.width() - 1.0);
      const double v = std::clamp((y + 0.5) * bgr.height() / where.height - 0.5, 0.0, bgr.height() - 1.0);
      const int i = static_cast<int>(u);
      const int j = static_cast<int>(v);
      for (int c = 0; c < 3; ++c) {
        const double top = level(i, j, c) + (level(i + 1, j, c) - level(i, j, c)) * (u - i);
        const double bottom = level(i, j + 1, c) + (level(i + 1, j + 1, c) - level(i, j + 1, c)) * (u - i);
        const auto at =
            static_cast<std::size_t>((c * form.height + where.top + y) * form.width + where.left + x);
        out[at] = static_cast<float>((top + (bottom - top) * (v - j)) / 255);
      }
    }
  }
  return out;
}

double most_apart(const std::vector<float>& a, const std::vector<float>& b) {
  double most = a.size() == b.size() ? 0 : 1e9;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::abs(double{a[i]} - b[i]));
  return most;
}

// Returns the fraction of values that differ.
double share_apart(const std::vector<float>& a, const std::vector<float>& b) {
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += std::abs(double{a[i]} - b[i]) > 1e-5 ? 1 : 0;
  return count / static_cast<double>(a.size());
}

std::vector<float> whole(std::vector<float> levels) {
  for (auto& level : levels) level = std::round(level * 255) / 255;
  return levels;
}

constexpr double kLevel = 1.0 / 255;  // tolerance: half for rounding to whole levels, half for 11-bit weights

TEST(Letterbox, ScalesAndCentresAsTheReferenceInWholeLevels) {
  const InputForm form{.width = 64, .height = 96};
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{333, 217}, {64, 96}, {31, 70}, {1, 1}, {2, 500}}) {
    SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
    const auto bgr = picture(width, height);
    const auto tensor = tensor_of(bgr, form);
    EXPECT_LT(most_apart(tensor, expected(bgr, form)), kLevel);
    EXPECT_LT(most_apart(tensor, whole(tensor)), 1e-6);
    EXPECT_EQ(tensor_of(bgr.to(PixelFormat::Rgb), form), tensor);
  }
}

TEST(Letterbox, YuvGivesTheColoursOfTheConvertedPicture) {
  const InputForm form{.width = 96, .height = 96};
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{320, 240}, {321, 241}, {1280, 720}}) {
    for (const auto format : {PixelFormat::I420, PixelFormat::Nv12, PixelFormat::I422, PixelFormat::I444}) {
      SCOPED_TRACE(std::string(to_string(format)) + " " + std::to_string(width));
      const auto yuv = picture(width, height).to(format);
      EXPECT_LT(255 * most_apart(tensor_of(yuv, form), expected(yuv.to(PixelFormat::Bgr), form)), 2.5);
    }
  }
}

TEST(Letterbox, GrayIsTheSameInAllColours) {
  const InputForm form{.width = 40, .height = 40};
  FrameBuilder builder({.width = 101, .height = 77, .format = PixelFormat::Gray});
  for (int y = 0; y < 77; ++y) {
    for (int x = 0; x < 101; ++x)
      builder.plane(0)[y * builder.stride(0) + x] = static_cast<std::uint8_t>(x + 2 * y);
  }
  const auto gray = std::move(builder).publish(pixel_ops());
  EXPECT_LT(255 * most_apart(tensor_of(gray, form), expected(gray.to(PixelFormat::Bgr), form)), 1.5);
  const auto luma = tensor_of(gray, {.width = 40, .height = 40, .channels = 1});
  const auto three = tensor_of(gray, form);
  EXPECT_TRUE(std::equal(luma.begin(), luma.end(), three.begin()));
}

TEST(Letterbox, LevelsAreDividedToTheLastBit) {
  FrameBuilder builder({.width = 256, .height = 1, .format = PixelFormat::Bgr});
  for (int i = 0; i < 3 * 256; ++i) builder.plane(0)[i] = static_cast<std::uint8_t>(i / 3);
  const auto bgr = std::move(builder).publish(pixel_ops());
  for (const auto target : test::simd_targets()) {
    const test::OnlyTarget only(target);
    const auto tensor = tensor_of(bgr, {.width = 256, .height = 1});
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      EXPECT_EQ(tensor[i], static_cast<float>(i % 256) / 255)
          << hwy::TargetName(target) << ", level " << i % 256;
    }
  }
}

TEST(Letterbox, NormalisesAndOrdersColoursAsTheModelWants) {
  const auto bgr = picture(50, 50);
  const InputForm plain{.width = 50, .height = 50};
  InputForm other = plain;
  other.blue_first = true;
  other.mean = {0.1F, 0.2F, 0.3F};
  other.deviation = {0.5F, 0.4F, 0.2F};
  const auto a = tensor_of(bgr, plain);
  const auto b = tensor_of(bgr, other);
  constexpr std::size_t kPlane = 2500;
  for (std::size_t i = 0; i < kPlane; ++i) {
    EXPECT_NEAR(b[2 * kPlane + i], (a[i] - 0.1F) / 0.5F, 1e-5);
    EXPECT_NEAR(b[i], (a[2 * kPlane + i] - 0.3F) / 0.2F, 1e-5);
  }
}

TEST(Letterbox, ScalesByTheWholePixelsThatThePictureTakes) {
  const auto where = place(480, 353, {.width = 160, .height = 160});
  EXPECT_EQ(where.width, 160);
  EXPECT_EQ(where.height, 118);  // rounded from 117.67
  EXPECT_DOUBLE_EQ(where.scale_x, 160.0 / 480);
  EXPECT_DOUBLE_EQ(where.scale_y, 118.0 / 353);
}

TEST(Letterbox, StretchesWithoutBars) {
  const auto where = place(300, 100, {.width = 64, .height = 64, .fit = Fit::Stretch});
  EXPECT_EQ(where.width, 64);
  EXPECT_EQ(where.height, 64);
  EXPECT_DOUBLE_EQ(where.scale_x, 64.0 / 300);
  EXPECT_DOUBLE_EQ(where.scale_y, 0.64);
}

TEST(Letterbox, EveryInstructionSetGivesTheSameWithinRounding) {
  const InputForm form{.width = 77, .height = 55};
  const auto frame = picture(333, 217).to(PixelFormat::I420);
  const auto reference = tensor_of(frame, form);
  for (const auto target : test::simd_targets()) {
    const test::OnlyTarget only(target);
    const auto tensor = tensor_of(frame, form);  // values between two levels may be rounded either way
    EXPECT_LT(most_apart(tensor, reference), 1.01 / 255) << hwy::TargetName(target);
    EXPECT_LT(share_apart(tensor, reference), 0.001) << hwy::TargetName(target);
  }
}

TEST(Letterbox, MayChangeItsPictureSize) {
  const InputForm form{.width = 64, .height = 64};
  Letterbox box(form);
  std::vector<float> tensor(box.floats());
  for (const int width : {100, 30, 100}) {
    const auto bgr = picture(width, 50);
    box.fill(bgr.picture(), tensor.data());
    EXPECT_LT(most_apart(tensor, expected(bgr, form)), kLevel);
  }
}

// Pseudo-random noise, the same on every machine.
Frame noise(int width, int height, PixelFormat format) {
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

// Returns a fingerprint of the levels, pixel by pixel.
std::uint64_t levels_of(const std::vector<float>& tensor) {
  test::Fingerprint found;
  const auto plane = tensor.size() / 3;
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t colour = 0; colour < 3; ++colour) {
      found.add(static_cast<std::uint8_t>(std::lround(255 * tensor[colour * plane + i])));
    }
  }
  return found.value();
}

// The fingerprints are of cv2.resize(noise, (to_width, to_height)) of OpenCV 5.0.0.
TEST(Letterbox, PackedPicturesHaveTheLevelsOfOpenCv) {
  struct Case {
    int width;
    int height;
    int to_width;
    int to_height;
    std::uint64_t levels;
  };
  for (const auto& [width, height, to_width, to_height, levels] : std::vector<Case>{
           {131, 67, 96, 49, 0x1a8afc472edb4ac9U},
           {67, 131, 77, 151, 0xb2ab46195d97ed9aU},
           {333, 217, 96, 63, 0xd0bc7e371a2f6ebaU},
           {5, 3, 96, 58, 0xa9e2249daf0838edU},
           {1, 1, 9, 9, 0x952932cd8d406a2aU},
           {2, 40, 4, 77, 0x332112297a7d660cU},
       }) {
    const InputForm form{.width = to_width, .height = to_height, .fit = Fit::Stretch};
    const auto rgb = noise(width, height, PixelFormat::Rgb);
    for (const auto target : test::simd_targets()) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height) + " " + hwy::TargetName(target));
      const test::OnlyTarget only(target);
      EXPECT_EQ(levels_of(tensor_of(rgb, form)), levels);
      EXPECT_EQ(tensor_of(rgb.to(PixelFormat::Bgr), form), tensor_of(rgb, form));
    }
  }
}

TEST(Letterbox, PicturesOfOneSizeHaveRowsOfTheirOwn) {
  const InputForm form{.width = 40, .height = 30};
  Letterbox box(form);
  std::vector<float> tensor(box.floats());
  for (const int height : {70, 2, 1}) {
    for (const auto format : {PixelFormat::Bgr, PixelFormat::Gray, PixelFormat::Bgr}) {
      for (const auto& frame : {noise(100, height, format), picture(100, height).to(format)}) {
        box.fill(frame.picture(), tensor.data());
        EXPECT_EQ(tensor, tensor_of(frame, form));
      }
    }
  }
}

TEST(Letterbox, BarsThatAreThereAreNotWrittenAgain) {
  const InputForm form{.width = 40, .height = 30};
  Letterbox box(form);
  std::vector<float> tensor(box.floats());
  const auto wide = picture(100, 50);
  const auto tall = picture(50, 100);
  const auto placed = box.fill(wide.picture(), tensor.data());
  tensor.front() = -7;  // in the upper bar
  EXPECT_EQ(box.fill(wide.picture(), tensor.data(), placed), placed);
  EXPECT_EQ(tensor.front(), -7);
  const auto elsewhere = box.fill(tall.picture(), tensor.data(), placed);
  EXPECT_EQ(tensor, tensor_of(tall, form));
  box.fill(wide.picture(), tensor.data(), elsewhere);
  EXPECT_EQ(tensor, tensor_of(wide, form));
}

// The chroma planes are as wide as the input, so they are not scaled horizontally.
TEST(Letterbox, ChromaOfTheInputsWidthIsTakenAsItIs) {
  const InputForm form{.width = 160, .height = 90};
  for (const auto format : {PixelFormat::I420, PixelFormat::I422}) {
    const auto yuv = picture(320, 180).to(format);
    EXPECT_LT(255 * most_apart(tensor_of(yuv, form), expected(yuv.to(PixelFormat::Bgr), form)), 2.5);
  }
  const auto whole_size = picture(160, 90).to(PixelFormat::I444);
  EXPECT_LT(255 * most_apart(tensor_of(whole_size, form), expected(whole_size.to(PixelFormat::Bgr), form)),
            2.5);
}

// The fingerprint was computed on x86-64. Scaled images are not compared, because a value halfway between two levels
// may be rounded either way.
TEST(Letterbox, X86AndArmGiveTheSameBitsOfAPictureThatIsNotScaled) {
  test::Fingerprint found;
  for (const auto format : {PixelFormat::Bgr, PixelFormat::Rgb}) {
    const auto frame = noise(131, 67, format);
    for (const float number : tensor_of(frame, {.width = 131, .height = 67})) found.add(number);
  }
  EXPECT_EQ(found.value(), 0xa2399252bd23b5a5U);
}

}  // namespace
}  // namespace freshframe::inference
