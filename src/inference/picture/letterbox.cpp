// Converts images to tensors. Rows of a planar image are first interpolated vertically at the full width,
// which vectorizes best, then horizontally.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/letterbox.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/frame/color_matrix.hpp"
#include "inference/picture/rows.hpp"

namespace freshframe::inference {
namespace {

bool is_packed(PixelFormat format) {
  return format == PixelFormat::Bgr || format == PixelFormat::Rgb;
}

// For subsampled chroma, a sample covers several pixels.
Letterbox::Taps taps(const ScaledAxis& axis) {
  Letterbox::Taps result;
  result.first.assign(static_cast<std::size_t>(axis.outputs) + kRowSlack, 0);
  result.weight.assign(static_cast<std::size_t>(axis.outputs) + kRowSlack, 0);
  result.is_copy = axis.outputs == axis.samples && axis.samples_per_output == 1;
  for (int i = 0; i < axis.outputs; ++i) {
    const double centre = (axis.first + i + 0.5) * axis.samples_per_output - 0.5;
    const double at = std::clamp(centre, 0.0, axis.samples - 1.0);
    const int first = std::max(0, std::min(static_cast<int>(at), axis.samples - 2));
    result.first[static_cast<std::size_t>(i)] = first;
    result.weight[static_cast<std::size_t>(i)] = static_cast<float>(at - first);
  }
  return result;
}

struct Chroma {
  int across = 1;  // pixels per sample
  int down = 1;
};

// Converts an axis in pixels to samples that cover `pixels` pixels each.
ScaledAxis spread_over(ScaledAxis axis, int pixels) {
  axis.samples = (axis.samples + pixels - 1) / pixels;
  axis.samples_per_output /= pixels;
  return axis;
}

// The longer side, truncated to whole pixels as in torchvision.
int long_side(int shorter_in_input, int longer, int shorter) {
  return static_cast<int>(std::int64_t{shorter_in_input} * longer / shorter);
}

Chroma find_chroma(PixelFormat format) {
  switch (format) {
    case PixelFormat::I444:
      return {1, 1};
    case PixelFormat::I422:
      return {2, 1};
    default:
      return {2, 2};
  }
}

}  // namespace

Placement place(int width, int height, const InputForm& form) {
  Placement result{.picture_width = width, .picture_height = height};
  if (form.fit == Fit::Cover) {
    const bool is_wide = std::int64_t{width} * form.height >= std::int64_t{height} * form.width;
    result.width = is_wide ? long_side(form.height, width, height) : form.width;
    result.height = is_wide ? form.height : long_side(form.width, height, width);
    result.left = -static_cast<int>(std::nearbyint((result.width - form.width) / 2.0));  // half to even
    result.top = -static_cast<int>(std::nearbyint((result.height - form.height) / 2.0));
  } else {
    double across = static_cast<double>(form.width) / width;
    double down = static_cast<double>(form.height) / height;
    if (form.fit == Fit::Bars) across = down = std::min(across, down);
    const auto side = [](double exact, int most) {
      return std::clamp(static_cast<int>(std::nearbyint(exact)), 1, most);
    };
    result.width = side(width * across, form.width);
    result.height = side(height * down, form.height);
    result.left = (form.width - result.width) / 2;
    result.top = (form.height - result.height) / 2;
  }
  result.scale_x = static_cast<double>(result.width) / width;
  result.scale_y = static_cast<double>(result.height) / height;
  return result;
}

ColourRow choose_colours(const PictureFormat& format, const InputForm& form) {
  const auto weights = core::luma_weights(core::choose_matrix(format));
  const auto levels = core::get_levels(format.range);
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

std::size_t Letterbox::floats() const noexcept {
  return static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.height) *
         static_cast<std::size_t>(form_.channels);
}

void Letterbox::prepare(const PictureFormat& format) {
  if (format == format_) return;
  format_ = {};  // in case updating the tables fails
  placement_ = place(format.width, format.height, form_);
  shown_ = {.left = std::max(-placement_.left, 0),
            .top = std::max(-placement_.top, 0),
            .width = std::min(placement_.width, form_.width),
            .height = std::min(placement_.height, form_.height)};
  const auto spread = find_chroma(format.format);
  Axes pixels{{.samples = format.width,
               .samples_per_output = static_cast<double>(format.width) / placement_.width,
               .first = shown_.left,
               .outputs = shown_.width},
              {.samples = format.height,
               .samples_per_output = static_cast<double>(format.height) / placement_.height,
               .first = shown_.top,
               .outputs = shown_.height}};
  const Axes chroma{spread_over(pixels.across, spread.across), spread_over(pixels.down, spread.down)};
  for (auto& part : parts_) part.assign(static_cast<std::size_t>(shown_.width) + kRowSlack, 0);
  if (form_.antialias) {
    constexpr std::size_t kColours = 3;
    smooth_.prepare(is_packed(format.format) ? kColours : 1, pixels.across, pixels.down);
  } else if (is_packed(format.format)) {
    // as in OpenCV; multiplying instead differs in the last bit
    pixels.across.samples_per_output = 1 / placement_.scale_x;
    pixels.down.samples_per_output = 1 / placement_.scale_y;
    packed_.prepare(pixels.across, pixels.down);
  } else {
    luma_x_ = taps(pixels.across);
    luma_y_ = taps(pixels.down);
    chroma_x_ = taps(chroma.across);
    chroma_y_ = taps(chroma.down);
    // An image one pixel wide has no second sample to interpolate with, so the buffer repeats its last pixel.
    wide_.assign(2 * static_cast<std::size_t>(format.width) + kRowSlack, 0);
  }
  format_ = format;
}

void Letterbox::blend(const Plane& plane, const Taps& rows, int y, std::vector<float>& out) const {
  const auto at = static_cast<std::size_t>(y);
  const int first = rows.first[at];
  blend_rows(plane.row(first), plane.row(std::min(first + 1, plane.rows - 1)), rows.weight[at], out.data(),
             static_cast<std::size_t>(plane.row_bytes));
}

// Row `y` of a plane with one component.
void Letterbox::scale_component(const Plane& plane, const Taps& across, const Taps& down, int y,
                                std::size_t part) {
  if (across.is_copy) return blend(plane, down, y, parts_[part]);
  blend(plane, down, y, wide_);
  const auto count = static_cast<std::size_t>(plane.row_bytes);
  wide_[count] = wide_[count - 1];
  pick(wide_.data(), {across.first.data(), across.weight.data(), 1, 0}, parts_[part].data(),
       static_cast<std::size_t>(shown_.width));
}

void Letterbox::scale_chroma(const Picture& picture, int y) {
  if (picture.format.format != PixelFormat::Nv12) {
    scale_component(picture.planes[1], chroma_x_, chroma_y_, y, 1);
    scale_component(picture.planes[2], chroma_x_, chroma_y_, y, 2);
    return;
  }
  const auto& plane = picture.planes[1];
  blend(plane, chroma_y_, y, wide_);
  const auto count = static_cast<std::size_t>(plane.row_bytes);
  std::copy_n(wide_.begin() + static_cast<std::ptrdiff_t>(count - 2), 2,
              wide_.begin() + static_cast<std::ptrdiff_t>(count));
  for (const std::int32_t part : {0, 1}) {
    pick(wide_.data(), {chroma_x_.first.data(), chroma_x_.weight.data(), 2, part},
         parts_[static_cast<std::size_t>(part) + 1].data(), static_cast<std::size_t>(shown_.width));
  }
}

void Letterbox::write_bars(float* tensor) const {
  const auto plane_floats = static_cast<std::size_t>(form_.width) * static_cast<std::size_t>(form_.height);
  const auto stride = static_cast<std::size_t>(form_.width);
  const auto first_row = static_cast<std::size_t>(std::max(placement_.top, 0));
  const auto top = first_row * stride;
  const auto bottom = (first_row + static_cast<std::size_t>(shown_.height)) * stride;
  const auto left = static_cast<std::size_t>(std::max(placement_.left, 0));
  const auto right = left + static_cast<std::size_t>(shown_.width);
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

// The red, green and blue parts of row `y` of the tensor.
std::array<float*, 3> Letterbox::view_row(float* tensor, int y) const {
  const auto width = static_cast<std::size_t>(form_.width);
  float* const row = tensor + static_cast<std::size_t>(std::max(placement_.top, 0) + y) * width +
                     static_cast<std::size_t>(std::max(placement_.left, 0));
  if (form_.channels == 1) return {row, row, row};
  const auto plane = width * static_cast<std::size_t>(form_.height);
  if (form_.blue_first) return {row + 2 * plane, row + plane, row};
  return {row, row + plane, row + 2 * plane};
}

void Letterbox::packed_row(const Picture& picture, int y, const ColourRow& how,
                           const std::array<float*, 3>& rgb) {
  const auto width = static_cast<std::size_t>(shown_.width);
  const auto pair = form_.antialias ? RowPair{} : packed_.rows(picture.planes[0], y);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const std::size_t component = picture.format.format == PixelFormat::Bgr ? 2 - i : i;
    if (form_.antialias) {
      smooth_.row(component, y, parts_[0].data());
      level_row(parts_[0].data(), {0, 1, how.scale[i]}, rgb[i], width);
    } else {
      mix_row(pair, component, how.scale[i], rgb[i], width);
    }
  }
}

void Letterbox::planar_row(const Picture& picture, int y, const ColourRow& how,
                           const std::array<float*, 3>& rgb) {
  const auto width = static_cast<std::size_t>(shown_.width);
  if (form_.antialias) {
    smooth_.row(0, y, parts_[0].data());
  } else {
    scale_component(picture.planes[0], luma_x_, luma_y_, y, 0);
  }
  if (picture.format.format == PixelFormat::Gray || form_.channels == 1) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(form_.channels); ++i) {
      level_row(parts_[0].data(), {how.black, how.luma, how.scale[i]}, rgb[i], width);
    }
    return;
  }
  scale_chroma(picture, y);
  colour_row({parts_[0].data(), parts_[1].data(), parts_[2].data()}, how, rgb, width);
}

Placement Letterbox::fill(const Picture& picture, float* tensor, const Placement& barred) {
  if (!takes(form_, picture.format.format))
    throw Error("a model's input cannot be filled from " + std::string(to_string(picture.format.format)));
  prepare(picture.format);
  packed_.forget();
  if (barred != placement_) write_bars(tensor);
  if (form_.antialias) smooth_.read(picture.planes[0]);
  const auto how = choose_colours(picture.format, form_);
  for (int y = 0; y < shown_.height; ++y) {
    const auto rgb = view_row(tensor, y);
    if (is_packed(picture.format.format)) {
      packed_row(picture, y, how, rgb);
    } else {
      planar_row(picture, y, how, rgb);
    }
  }
  return placement_;
}

}  // namespace freshframe::inference
