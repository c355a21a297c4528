// Works column by column: interpolates between two columns of logits, then splits at the zero crossings.
// SPDX-License-Identifier: Apache-2.0
#include "inference/masks/box_masks.hpp"

#include <algorithm>
#include <cmath>

#include "inference/masks/mask_rows.hpp"
#include "inference/masks/mask_text.hpp"

namespace freshframe::inference {

double BoxMasks::Axis::at(int pixel) const noexcept {
  return std::clamp(pixel * step + first, low, high);
}

// The image covers `length` pixels of the input, starting at `start`.
BoxMasks::Axis BoxMasks::axis(double scale, int start, int length, double grid_per_input) {
  constexpr double kHalf = 0.5;
  return {.step = scale * grid_per_input,
          .first = (kHalf * scale + start) * grid_per_input - kHalf,
          .low = start * grid_per_input,
          .high = std::max(start * grid_per_input, (start + length) * grid_per_input - 1)};
}

BoxMasks::BoxMasks(const MaskPlanes& planes, const PicturePlace& place)
    : planes_(planes),
      place_(place),
      across_(axis(place.placement.scale_x, place.placement.left, place.placement.width,
                   static_cast<double>(planes.width) / place.input_width)),
      down_(axis(place.placement.scale_y, place.placement.top, place.placement.height,
                 static_cast<double>(planes.height) / place.input_height)) {}

std::string BoxMasks::trace_prototypes(std::span<const float> weights, const Detection& box) {
  const auto pixels = [](float begin, float end, int start, int length) -> Pixels {
    const auto within = [&](float edge) {
      return std::clamp(static_cast<int>(std::ceil(edge)) - start, 0, length);
    };
    return {within(begin), within(end)};
  };
  return text(weights, 0, pixels(box.x1, box.x2, place_.left, place_.placement.picture_width),
              pixels(box.y1, box.y2, place_.top, place_.placement.picture_height));
}

std::string BoxMasks::trace_plane(std::size_t plane) {
  static constexpr float kAlone = 1;
  return text(std::span(&kAlone, 1), plane, {0, place_.placement.picture_width},
              {0, place_.placement.picture_height});
}

std::string BoxMasks::text(std::span<const float> weights, std::size_t plane, Pixels across, Pixels down) {
  MaskText text(place_.frame_width, place_.frame_height);
  if (across.begin >= across.end || down.begin >= down.end) return text.text();
  // The columns and rows of the grid around these pixels.
  const auto before = [](double at) { return static_cast<int>(std::floor(at)); };
  const int left = before(across_.at(across.begin));
  const int right = std::min(before(across_.at(across.end - 1)) + 1, planes_.width - 1);
  const int top = before(down_.at(down.begin));
  const int bottom = std::min(before(down_.at(down.end - 1)) + 1, planes_.height - 1);
  const auto columns = static_cast<std::size_t>(right - left) + 1;
  const auto rows = static_cast<std::size_t>(bottom - top) + 1;
  const auto size = static_cast<std::size_t>(planes_.width) * static_cast<std::size_t>(planes_.height);
  sums_.resize(columns);
  turned_.resize(columns * rows);
  column_.resize(rows);
  for (std::size_t y = 0; y < rows; ++y) {
    const auto row = (static_cast<std::size_t>(top) + y) * static_cast<std::size_t>(planes_.width);
    weighted_sum(weights, planes_.logits.data() + plane * size + row + static_cast<std::size_t>(left), size,
                 sums_);
    for (std::size_t x = 0; x < columns; ++x) turned_[x * rows + y] = sums_[x];
  }
  for (int pixel = across.begin; pixel < across.end; ++pixel) {
    const double at = across_.at(pixel) - left;
    const auto first = std::min(static_cast<std::size_t>(at), columns - 1);
    const auto second = std::min(first + 1, columns - 1);
    blend_logits(&turned_[first * rows], &turned_[second * rows],
                 static_cast<float>(at - static_cast<double>(first)), column_);
    write_column(pixel, down, top, text);
  }
  return text.text();
}

// `first_row` is the row of the grid that column_ begins with.
void BoxMasks::write_column(int column, Pixels down, int first_row, MaskText& text) {
  const auto flip = [&](int row) { text.flip(column + place_.left, row + place_.top); };
  crossings_.clear();
  find_crossings(column_, crossings_);
  bool inside = column_.front() > 0;
  int latest = down.begin;  // rounding can make both zeros of a narrow peak equal
  if (inside) flip(latest);
  for (const auto index : crossings_) {
    const double a = column_[index - 1];
    const double b = column_[index];
    const double zero = first_row + index - 1 + a / (a - b);
    if (!(zero <= down_.high)) break;  // also stops at NaN, which counts as outside
    const double pixel = (zero - down_.first) / down_.step;
    // The first pixel after the zero, or at the zero where the mask ends.
    const double next = inside ? std::ceil(pixel) : std::floor(pixel) + 1;
    if (next >= down.end) break;
    latest = std::max(static_cast<int>(next), latest);
    flip(latest);
    inside = !inside;
  }
  if (inside) flip(down.end);
}

}  // namespace freshframe::inference
