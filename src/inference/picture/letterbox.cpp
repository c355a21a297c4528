// Pictures as tensors. The rows of each plane are blended at the picture's width first, which vectorises best,
// then picked at the input's width.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/letterbox.hpp"

#include <algorithm>
#include <cmath>

#include "core/frame/color_matrix.hpp"
#include "inference/picture/rows.hpp"

namespace freshframe::inference {
namespace {

constexpr float kBar = 114;  // the grey of the bars, as in the training of every YOLO

bool is_packed(PixelFormat format) {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb;
}

// Of `samples` that lie `spread` pixels apart (2: subsampled chroma).
Letterbox::Taps taps(int outputs, double pixels_per_output, int spread, int samples) {
  Letterbox::Taps result;
  result.first.assign(static_cast<std::size_t>(outputs) + kRowSlack, 0);
  result.weight.assign(static_cast<std::size_t>(outputs) + kRowSlack, 0);
  for (int i = 0; i < outputs; ++i) {
    const double centre = (i + 0.5) * pixels_per_output / spread - 0.5;
    const double at = std::clamp(centre, 0.0, samples - 1.0);
    const int first = std::max(0, std::min(static_cast<int>(at), samples - 2));
    result.first[static_cast<std::size_t>(i)] = first;
    result.weight[static_cast<std::size_t>(i)] = static_cast<float>(at - first);
  }
  return result;
}

struct Chroma {
  int across = 1;  // pixels per sample
  int down = 1;
};

Chroma chroma_of(PixelFormat format) {
  switch (format) {
    case PixelFormat::I444:
      return {1, 1};
    case PixelFormat::I422:
      return {2, 1};
    default:
      return {2, 2};
  }
}

ColourRow colours_of(const PictureFormat& format, const InputForm& form) {
  const auto weights = core::luma_weights(core::matrix_of(format));
  const auto levels = core::levels_of(format.range);
  const double chroma = 255.0 / levels.chroma;
  ColourRow how{};
  how.black = static_cast<float>(levels.black);
  how.luma = static_cast<float>(255.0 / levels.luma);
  how.v_to_r = static_cast<float>(2 * (1 - weights.red) * chroma);
  how.u_to_b = static_cast<float>(2 * (1 - weights.blue) * chroma);
  how.v_to_g = static_cast<float>(2 * (1 - weights.red) * weights.red / weights.green * chroma);
  how.u_to_g = static_cast<float>(2 * (1 - weights.blue) * weights.blue / weights.green * chroma);
  for (std::size_t i = 0; i < 3; ++i) {
    how.scale[i] = Scale(form.mean[i], form.deviation[i]);
  }
  return how;
}

}  // namespace

Placement place(int width, int height, const InputForm& form) {
  Placement result{.picture_width = width, .picture_height = height};
  double across = static_cast<double>(form.width) / width;
  double down = static_cast<double>(form.height) / height;
  if (!form.stretch) across = down = std::min(across, down);
  const auto side = [](double exact, int most) {
    return std::clamp(static_cast<int>(std::nearbyint(exact)), 1, most);
  };
  result.width = side(width * across, form.width);
  result.height = side(height * down, form.height);
  result.scale_x = static_cast<double>(result.width) / width;
  result.scale_y = static_cast<double>(result.height) / height;
  result.left = (form.width - result.width) / 2;
  result.top = (form.height - result.height) / 2;
  return result;
}

std::size_t Letterbox::floats() const noexcept {
  return static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.height) *
         static_cast<std::size_t>(form_.channels);
}

void Letterbox::prepare(const PictureFormat& format) {
  if (format == format_) return;
  placement_ = place(format.width, format.height, form_);
  const double across = static_cast<double>(format.width) / placement_.width;
  const double down = static_cast<double>(format.height) / placement_.height;
  luma_x_ = taps(placement_.width, across, 1, format.width);
  luma_y_ = taps(placement_.height, down, 1, format.height);
  const auto chroma = chroma_of(format.format);
  chroma_x_ =
      taps(placement_.width, across, chroma.across, (format.width + chroma.across - 1) / chroma.across);
  chroma_y_ = taps(placement_.height, down, chroma.down, (format.height + chroma.down - 1) / chroma.down);
  // A picture one pixel wide has no second sample: the row is longer than the picture, by a copy of its end.
  wide_.assign(3 * static_cast<std::size_t>(format.width) + kRowSlack, 0);
  for (auto& part : parts_) part.assign(static_cast<std::size_t>(placement_.width) + kRowSlack, 0);
  format_ = format;
}

void Letterbox::blend(const Plane& plane, const Taps& rows, int y, int samples,
                      std::vector<float>& out) const {
  const auto at = static_cast<std::size_t>(y);
  const int first = rows.first[at];
  const auto count = static_cast<std::size_t>(plane.row_bytes);
  blend_rows(plane.row(first), plane.row(std::min(first + 1, plane.rows - 1)), rows.weight[at], out.data(),
             count);
  const auto step = static_cast<std::size_t>(plane.row_bytes / samples);
  std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(count - step), step,
              out.begin() + static_cast<std::ptrdiff_t>(count));
}

void Letterbox::write_bars(float* tensor) const {
  const auto plane_floats = static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.height);
  const auto stride = static_cast<std::size_t>(form_.width);
  const auto top = static_cast<std::size_t>(placement_.top) * stride;
  const auto bottom = static_cast<std::size_t>(placement_.top + placement_.height) * stride;
  const auto left = static_cast<std::size_t>(placement_.left);
  const auto right = left + static_cast<std::size_t>(placement_.width);
  for (int i = 0; i < form_.channels; ++i) {
    const auto colour = static_cast<std::size_t>(form_.blue_first ? 2 - i : i);
    const float bar = (kBar / 255 - form_.mean[colour]) / form_.deviation[colour];
    float* const plane = tensor + static_cast<std::size_t>(i) * plane_floats;
    std::fill(plane, plane + top, bar);
    std::fill(plane + bottom, plane + plane_floats, bar);
    for (std::size_t row = top; row < bottom; row += stride) {
      std::fill(plane + row, plane + row + left, bar);
      std::fill(plane + row + right, plane + row + stride, bar);
    }
  }
}

Placement Letterbox::fill(const Picture& picture, float* tensor) {
  prepare(picture.format);
  write_bars(tensor);
  const auto format = picture.format.format;
  const auto how = colours_of(picture.format, form_);
  const auto width = static_cast<std::size_t>(placement_.width);
  const auto plane_floats = static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.height);
  const auto picked = [&](const Taps& taps, std::int32_t step, std::int32_t offset, std::size_t part) {
    pick(wide_.data(), {taps.first.data(), taps.weight.data(), step, offset}, parts_[part].data(), width);
  };
  for (int y = 0; y < placement_.height; ++y) {
    float* const row = tensor +
                       static_cast<std::size_t>(placement_.top + y) * static_cast<std::size_t>(form_.width) +
                       static_cast<std::size_t>(placement_.left);
    std::array<float*, 3> rgb = {row, row + plane_floats, row + 2 * plane_floats};
    if (form_.channels == 1) rgb = {row, row, row};
    if (form_.blue_first) std::swap(rgb[0], rgb[2]);
    if (is_packed(format)) {
      blend(picture.planes[0], luma_y_, y, picture.format.width, wide_);
      for (std::size_t i = 0; i < 3; ++i) {
        const std::size_t colour = format == PixelFormat::Bgr ? 2 - i : i;
        picked(luma_x_, 3, static_cast<std::int32_t>(i), colour);
      }
      for (std::size_t i = 0; i < 3; ++i) {
        level_row(parts_[i].data(), {0, 1, how.scale[i]}, rgb[i], width);
      }
      continue;
    }
    blend(picture.planes[0], luma_y_, y, picture.format.width, wide_);
    picked(luma_x_, 1, 0, 0);
    if (format == PixelFormat::Gray || form_.channels == 1) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(form_.channels); ++i) {
        level_row(parts_[0].data(), {how.black, how.luma, how.scale[i]}, rgb[i], width);
      }
      continue;
    }
    const int samples = picture.planes[1].row_bytes / (format == PixelFormat::Nv12 ? 2 : 1);
    blend(picture.planes[1], chroma_y_, y, samples, wide_);
    if (format == PixelFormat::Nv12) {
      picked(chroma_x_, 2, 0, 1);
      picked(chroma_x_, 2, 1, 2);
    } else {
      picked(chroma_x_, 1, 0, 1);
      blend(picture.planes[2], chroma_y_, y, samples, wide_);
      picked(chroma_x_, 1, 0, 2);
    }
    colour_row({parts_[0].data(), parts_[1].data(), parts_[2].data()}, how, rgb, width);
  }
  return placement_;
}

}  // namespace freshframe::inference
