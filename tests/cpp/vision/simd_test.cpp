// The circle detector gives the same circles, bit by bit, on every instruction set and architecture.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <cstdint>
#include <random>
#include <vector>

#include "cpp/fingerprint.hpp"
#include "cpp/simd_targets.hpp"
#include "cpp/vision/drawn_discs.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr CircleDetectorOptions kSimdOptions = {.min_radius = 5, .max_radius = 150, .min_confidence = 0.1F};

/// Returns images of various widths, mostly not multiples of a vector, with sharp, blurred, faint and bright discs.
std::vector<test::Canvas> pictures() {
  std::vector<test::Canvas> out;
  for (const int width : {333, 320, 641}) {
    test::Canvas canvas(width, 217, 100, width % 7);
    canvas.disc(80.3, 90.9, 41, 190);
    canvas.disc(200.6, 140.2, 17.5, 30);
    canvas.disc(140.4, 190.1, 9.2, 125);
    for (int i = 0; i < 12; ++i) canvas.disc(250 + i, 60 + 0.5 * i, 30, 100 + 10 * i);
    canvas.rectangle(240, 120, 300, 190, 160);
    canvas.noise(width % 9, static_cast<unsigned>(width));
    out.push_back(canvas);
  }
  test::Canvas chaos(301, 203, 0);
  chaos.chaos(5);
  out.push_back(chaos);
  return out;
}

TEST(CircleFinderSimd, EveryInstructionSetGivesTheSameCircles) {
  std::size_t circles = 0;
  for (const auto& canvas : pictures()) {
    const auto expected = CircleFinder(kSimdOptions).find(canvas.plane());
    circles += expected.size();
    for (const auto target : test::simd_targets()) {
      const test::OnlyTarget only(target);
      const auto found = CircleFinder(kSimdOptions).find(canvas.plane());
      ASSERT_EQ(found.size(), expected.size()) << hwy::TargetName(target);
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].x, expected[i].x) << hwy::TargetName(target);
        EXPECT_EQ(found[i].y, expected[i].y) << hwy::TargetName(target);
        EXPECT_EQ(found[i].r, expected[i].r) << hwy::TargetName(target);
        EXPECT_EQ(found[i].confidence, expected[i].confidence) << hwy::TargetName(target);
      }
    }
  }
  EXPECT_GE(circles, 8U);
  EXPECT_GE(test::simd_targets().size(), 1U);
}

/// Draws discs and noise with integers only, because compilers for aarch64 fuse floating-point multiplications and
/// additions.
test::Canvas drawn_with_integers(int width, int height) {
  constexpr int kSteps = 8;  // points per pixel in each direction
  struct Disc {
    int x, y, r, value;  // in 1 / kSteps pixels
  };
  constexpr Disc kDiscs[] = {{643, 727, 328, 190}, {1605, 1122, 140, 30},  {1123, 1521, 74, 125},
                             {2011, 483, 241, 20}, {2304, 1309, 117, 235}, {331, 1388, 59, 150}};
  test::Canvas canvas(width, height, 100, 3);
  std::mt19937 random(12);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int level = 100;
      for (const auto& disc : kDiscs) {
        int inside = 0;
        for (int i = 0; i < kSteps * kSteps; ++i) {
          const int dx = x * kSteps + i % kSteps - disc.x;
          const int dy = y * kSteps + i / kSteps - disc.y;
          inside += dx * dx + dy * dy < disc.r * disc.r ? 1 : 0;
        }
        level += (disc.value - level) * inside / (kSteps * kSteps);
      }
      canvas.at(x, y) = static_cast<std::uint8_t>(level + static_cast<int>(random() % 9) - 4);
    }
  }
  return canvas;
}

// The fingerprint was computed on x86-64.
TEST(CircleFinderSimd, X86AndArmGiveTheSameBits) {
  test::Fingerprint found;
  std::size_t circles = 0;
  for (const int width : {333, 320, 301}) {
    for (const auto& circle : CircleFinder(kSimdOptions).find(drawn_with_integers(width, 217).plane())) {
      for (const float number : {circle.x, circle.y, circle.r, circle.confidence}) found.add(number);
      ++circles;
    }
  }
  EXPECT_GE(circles, 15U);
  EXPECT_EQ(found.value(), 0x6b220f6d137f9d7cU);
}

}  // namespace
}  // namespace freshframe
