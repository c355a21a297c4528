// Scales BGR and RGB images with the same results as cv2.resize.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/picture/rows.hpp"

namespace freshframe::inference {

/// An axis and the outputs wanted: `outputs` of them, starting with output `first`.
struct ScaledAxis {
  int samples = 0;
  double samples_per_output = 1;
  int first = 0;
  int outputs = 0;
};

/// Scales bilinearly. When downscaling, the filter is as wide as an output pixel, so every sample counts and
/// fine structure is averaged instead of aliased. The algorithm is that of Pillow's Image.resize() with
/// Resampling.BILINEAR (src/libImaging/Resample.c), and bit-exact for 8-bit images: horizontally first, with
/// levels rounded to integers in between and weights of 22 bits. Pillow 13 scales some images down in another
/// way first, which changes single levels by one. Keeps tables and rows between calls. Not thread-safe.
class AntialiasedPlane {
 public:
  /// `components` is 1 or 3.
  void prepare(std::size_t components, const ScaledAxis& across, const ScaledAxis& down);
  /// Scales the rows of a plane horizontally.
  void read(const Plane& plane);
  /// Writes row `y` of a component: integer levels, one per output of `across`, plus up to kSumSlack values
  /// beyond.
  void row(std::size_t component, int y, float* out) const;

 private:
  struct Taps {
    std::vector<std::int32_t> first;  // first sample of each output
    std::vector<std::int32_t> count;
    std::vector<std::int32_t> weights;  // `most` per output
    std::size_t most = 0;
  };
  [[nodiscard]] static Taps taps(const ScaledAxis& axis, std::size_t multiple_of);
  void prepare_across(const ScaledAxis& axis);

  std::size_t components_ = 1;
  std::size_t outputs_ = 0;
  std::size_t stride_ = 0;  // stride of the horizontally scaled rows
  std::size_t taps_ = 0;
  std::vector<std::int32_t> first_;    // byte offset of each output's first sample
  std::vector<std::int32_t> weights_;  // horizontal weights: one row per tap
  Taps down_;
  int first_row_ = 0;  // first row of the plane that is needed
  int rows_ = 0;
  std::vector<std::uint8_t> padded_;  // a row of the plane, padded at the end
  std::vector<std::uint8_t> scaled_;  // horizontally scaled rows, one component after the other
};

/// Scales bilinearly with 11-bit weights, like OpenCV's resize() with INTER_LINEAR for 8-bit images:
/// bit-exact with OpenCV 5.0 on x86-64. A pixel value that is off by one can decide which of two nearly equal
/// boxes is kept, and users compare boxes with those of programs that scale with OpenCV. Keeps tables and
/// rows between calls. Not thread-safe.
class PackedResize {
 public:
  /// Must be called for each image size. Drops cached rows.
  void prepare(const ScaledAxis& across, const ScaledAxis& down);
  /// Must be called before the rows of another image.
  void forget() noexcept { kept_ = {kNone, kNone}; }
  /// The two source rows that row `y` of the result lies between, with their weights, for mix_row(). Valid
  /// until the next call.
  [[nodiscard]] RowPair rows(const Plane& plane, int y);

 private:
  static constexpr int kNone = -1;

  struct Across {
    std::vector<std::int32_t> first;  // byte offset of the pixel before the position
    std::vector<std::int32_t> after;  // byte offset of the pixel after the position
    std::vector<std::int32_t> weight_first;
    std::vector<std::int32_t> weight_after;
  };
  struct Down {
    int above = 0;
    int below = 0;
    std::int16_t weight_above = 0;
    std::int16_t weight_below = 0;
  };
  using Components = std::array<std::vector<std::int16_t>, 3>;

  const Components& scaled_across(const Plane& plane, int row, int other);

  Across x_;
  std::vector<Down> y_;
  std::size_t width_ = 0;                     // width of the result
  std::vector<std::uint8_t> padded_;          // a row of the image, padded at the end
  std::array<Components, 2> scaled_;          // two horizontally scaled rows
  std::array<int, 2> kept_ = {kNone, kNone};  // their row numbers
};

}  // namespace freshframe::inference
