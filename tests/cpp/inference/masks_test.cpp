// Masks: kernels on every instruction set, and strings that can be read back.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cpp/simd_targets.hpp"
#include "inference/masks/box_masks.hpp"
#include "inference/masks/mask_rows.hpp"
#include "inference/masks/mask_text.hpp"
#include "vision/draw/run_lengths.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

class Numbers {
 public:
  std::uint32_t next() { return state_ = state_ * 1664525U + 1013904223U; }
  float share() { return static_cast<float>(next() >> 8U) / static_cast<float>(1U << 24U); }

 private:
  std::uint32_t state_ = 7;
};

// Returns a mask with random runs along the rows, whose mean length is `mean`.
std::vector<std::uint8_t> random_mask(Numbers& numbers, int width, int height, std::uint32_t mean) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  std::uint8_t side = 0;
  for (auto& pixel : mask) {
    if ((numbers.next() >> 8U) % mean == 0) side ^= 1U;
    pixel = side;
  }
  return mask;
}

TEST(MaskTexts, AreReadAsTheyWereWritten) {
  Numbers numbers;
  for (const auto target : test::simd_targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    const test::OnlyTarget only(target);
    for (const auto& [width, height] :
         std::vector<std::pair<int, int>>{{1, 1}, {3, 70}, {64, 9}, {200, 33}}) {
      for (const std::uint32_t mean : {1U, 3U, 60U, 5000U}) {
        const auto mask = random_mask(numbers, width, height, mean);
        const auto text = encode_mask(mask.data(), width, height);
        const auto read = vision::parse_mask(text, width, height);
        for (int y = 0; y < height; ++y) {
          for (int x = 0; x < width; ++x) {
            const auto at =
                static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
            ASSERT_EQ(read.covers(x, y), mask[at] != 0) << text << " " << x << " " << y;
          }
        }
      }
    }
  }
}

TEST(MaskTexts, HaveTheLettersOfCoco) {
  // The runs as pycocotools.mask.encode() writes them.
  const std::vector<std::uint8_t> mask = {0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0};
  EXPECT_EQ(encode_mask(mask.data(), 3, 4), "4x3:5220O");
  const std::vector<std::uint8_t> all(12, 1);
  EXPECT_EQ(encode_mask(all.data(), 3, 4), "4x3:0<");
  const std::vector<std::uint8_t> none(12, 0);
  EXPECT_EQ(encode_mask(none.data(), 3, 4), "4x3:<");
}

TEST(MaskRows, AreThoseOfPlainLoopsOnEveryInstructionSet) {
  Numbers numbers;
  for (const std::size_t count : {1U, 2U, 15U, 16U, 33U, 160U}) {
    constexpr std::size_t kRows = 5;
    std::vector<float> rows(kRows * count);
    for (auto& number : rows) number = numbers.share() - 0.5F;
    const std::vector<float> weights = {1, -2, 0.5F, 0, 3};
    for (const auto target : test::simd_targets()) {
      SCOPED_TRACE(std::to_string(count) + " " + hwy::TargetName(target));
      const test::OnlyTarget only(target);
      std::vector<float> sum(count);
      weighted_sum(weights, rows.data(), count, sum);
      std::vector<float> blend(count);
      blend_logits(rows.data(), rows.data() + count, 0.25F, blend);
      std::vector<std::uint32_t> at;
      find_crossings(std::span(rows).first(count), at);
      std::vector<std::uint32_t> right;
      for (std::size_t i = 0; i < count; ++i) {
        float plain = 0;
        for (std::size_t k = 0; k < kRows; ++k) plain += weights[k] * rows[k * count + i];
        EXPECT_NEAR(sum[i], plain, 1e-5);
        EXPECT_NEAR(blend[i], 0.75F * rows[i] + 0.25F * rows[count + i], 1e-6);
        if (i > 0 && (rows[i - 1] > 0) != (rows[i] > 0)) right.push_back(static_cast<std::uint32_t>(i));
      }
      EXPECT_EQ(at, right);
    }
  }
}

// Returns the bilinear value at a point. Beyond the edges, the nearest value counts.
double logit_at(const std::vector<float>& plane, int side, double x, double y) {
  x = std::clamp(x, 0.0, side - 1.0);
  y = std::clamp(y, 0.0, side - 1.0);
  const auto at = [&](int column, int row) {
    return double{
        plane[static_cast<std::size_t>(std::min(row, side - 1) * side + std::min(column, side - 1))]};
  };
  const int left = static_cast<int>(x);
  const int top = static_cast<int>(y);
  const double u = x - left;
  const double v = y - top;
  return (1 - v) * ((1 - u) * at(left, top) + u * at(left + 1, top)) +
         v * ((1 - u) * at(left, top + 1) + u * at(left + 1, top + 1));
}

TEST(BoxMasks, AreThoseOfEachPixelsOwnLogit) {
  constexpr int kSide = 20;
  Numbers numbers;
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{80, 80}, {31, 200}, {7, 5}, {20, 20}}) {
    std::vector<float> plane(kSide * kSide);
    for (auto& logit : plane) logit = numbers.share() - 0.5F;
    const InputForm form{.width = 80, .height = 80, .fit = Fit::Stretch};
    const auto where = PicturePlace::whole(form, place(width, height, form));
    BoxMasks masks({plane, kSide, kSide}, where);
    const std::vector<float> one = {1};
    const Detection box{.x1 = 1.5F, .y1 = 0, .x2 = static_cast<float>(width) - 2, .y2 = 4.2F};
    const auto whole = vision::parse_mask(masks.trace_plane(0), width, height);
    const auto part = vision::parse_mask(masks.trace_prototypes(one, box), width, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double value =
            logit_at(plane, kSide, (x + 0.5) * kSide / width - 0.5, (y + 0.5) * kSide / height - 0.5);
        if (std::abs(value) < 1e-5) continue;  // may be rounded to either side
        ASSERT_EQ(whole.covers(x, y), value > 0) << x << " " << y << " " << value;
        const bool within = x >= 2 && x < width - 2 && y < 5;
        ASSERT_EQ(part.covers(x, y), within && value > 0) << x << " " << y << " " << value;
      }
    }
  }
}

TEST(BoxMasks, TakeAnyNumbers) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> plane = {1, nothing, -kInfinite, kInfinite, 1, nothing, -1, kInfinite, 0};
  const InputForm form{.width = 9, .height = 9, .fit = Fit::Stretch};
  BoxMasks masks({plane, 3, 3}, PicturePlace::whole(form, place(40, 50, form)));
  static_cast<void>(vision::parse_mask(masks.trace_plane(0), 40, 50));  // throws if it is not a valid mask
}

// The peak is so low that the contour's points on both sides of it are rounded to the same number.
TEST(BoxMasks, OfAPeakWithoutAnyWidthAreEmpty) {
  constexpr int kSide = 3;
  const std::vector<float> plane = {-1, -1, -1, -1, 1e-20F, -1, -1, -1, -1};
  const InputForm form{.width = kSide, .height = kSide, .fit = Fit::Stretch};
  BoxMasks masks({plane, kSide, kSide}, PicturePlace::whole(form, place(kSide, kSide, form)));
  EXPECT_EQ(masks.trace_plane(0), MaskText(kSide, kSide).text());
}

}  // namespace
}  // namespace freshframe::inference
