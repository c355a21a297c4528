// The conversion steps of one row into a tensor, vectorised for each instruction set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace freshframe::inference {

/// Rows of floats and taps are padded by this much, so that loops can process whole vectors.
inline constexpr std::size_t kRowSlack = 64;

/// out = a + (b - a) * weight for `count` bytes.
void blend_rows(const std::uint8_t* a, const std::uint8_t* b, float weight, float* out, std::size_t count);

/// out[i] = a + (b - a) * weight[i], where a is row[first[i] * step + offset] and b is the value `step` after
/// it. Writes up to kRowSlack floats beyond the end.
struct Pick {
  const std::int32_t* first;
  const float* weight;
  std::int32_t step;
  std::int32_t offset;
};
void pick(const float* row, const Pick& how, float* out, std::size_t count);

/// Converts an integer level to the tensor's value: (level - zero) / span. Bit-exact if zero is 0, because
/// the last bit can change the order of boxes with nearly equal confidence compared to Python programs, which
/// divide.
struct Scale {
  Scale() = default;
  Scale(float mean, float deviation);  // for levels in 0..1

  float zero = 0;
  float span = 255;
  // 1 / span in two parts, and -zero / span: with fused multiply-adds this is as exact as the division, and
  // faster.
  float factor = 0;
  float rest = 0;
  float offset = 0;
};

/// Converts luma and chroma to red, green and blue as integer levels in 0..255, then to the tensor's values.
struct ColourRow {
  float black;
  float luma;
  float v_to_r;
  float u_to_g;
  float v_to_g;
  float u_to_b;
  std::array<Scale, 3> scale;
};
void colour_row(const std::array<const float*, 3>& yuv, const ColourRow& how,
                const std::array<float*, 3>& rgb, std::size_t count);

/// The two pixels that each output pixel lies between: their byte offsets in the source row, and their
/// weights in 0..2048, whose sum is 2048 up to rounding.
struct Mix {
  const std::int32_t* first;
  const std::int32_t* after;
  const std::int32_t* weight_first;
  const std::int32_t* weight_after;
};
/// Mixes the three components of packed pixels: (a * weight_first + b * weight_after) >> 4. Reads one byte
/// beyond the last pixel, and writes up to kRowSlack values beyond the end.
void mix_pixels(const std::uint8_t* row, const Mix& how, const std::array<std::int16_t*, 3>& out,
                std::size_t count);

/// Two rows of mix_pixels() with their weights in 0..2048.
struct RowPair {
  std::array<const std::int16_t*, 3> above{};
  std::array<const std::int16_t*, 3> below{};
  std::int16_t weight_above = 0;
  std::int16_t weight_below = 0;
};
/// Converts component `component` of a row pair to the tensor's values. Like OpenCV, truncates each product
/// before adding: (((a * weight_above) >> 16) + ((b * weight_below) >> 16) + 2) >> 2.
void mix_row(const RowPair& rows, std::size_t component, const Scale& scale, float* out, std::size_t count);

/// One component: (value - black) * luma as an integer level in 0..255, then converted to the tensor's value.
struct LevelRow {
  float black;
  float luma;
  Scale scale;
};
void level_row(const float* in, const LevelRow& how, float* out, std::size_t count);

}  // namespace freshframe::inference
