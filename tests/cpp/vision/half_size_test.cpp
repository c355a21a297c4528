// Scaling an image to half its size.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/half_size.hpp"

#include <cstdint>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

TEST(HalfSize, IsTheRoundedMeanOfFourPixelsForAllWidths) {
  for (int width = 2; width < 140; ++width) {
    test::Canvas canvas(width, 5, 0, 3);
    canvas.chaos(static_cast<unsigned>(width));
    std::vector<std::uint8_t> memory;
    const Plane half = vision::half_size(canvas.plane(), memory);
    ASSERT_EQ(half.row_bytes, width / 2);
    ASSERT_EQ(half.rows, 2);
    for (int y = 0; y < half.rows; ++y) {
      for (int x = 0; x < half.row_bytes; ++x) {
        const int sum = canvas.at(2 * x, 2 * y) + canvas.at(2 * x + 1, 2 * y) + canvas.at(2 * x, 2 * y + 1) +
                        canvas.at(2 * x + 1, 2 * y + 1);
        ASSERT_EQ(half.row(y)[x], (sum + 2) / 4) << "width " << width << " at " << x << ", " << y;
      }
    }
  }
}

}  // namespace
}  // namespace freshframe
