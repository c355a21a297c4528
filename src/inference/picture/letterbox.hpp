// Converts the planes of a decoded image to a model's input: scaling, color conversion and normalization in
// one pass.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/picture/packed_resize.hpp"
#include "inference/picture/rows.hpp"

namespace freshframe::inference {

/// How an image fits into the input. Bars: keeps the aspect ratio and fills the rest with grey bars. Cover:
/// keeps the aspect ratio, covers the whole input, and crops the center.
enum class Fit : std::uint8_t { Bars, Stretch, Cover };

/// Preprocessing for a model: the input is `channels` consecutive planes of floats.
struct InputForm {
  int width = 0;
  int height = 0;
  int channels = 3;  // 3, or 1 for luma
  Fit fit = Fit::Bars;
  /// When downscaling, average over all source pixels as Pillow does. See takes().
  bool antialias = false;
  bool blue_first = false;
  // A level of 0..255 becomes (level / 255 - mean) / deviation. In the order red, green, blue.
  std::array<float, 3> mean = {0, 0, 0};
  std::array<float, 3> deviation = {1, 1, 1};
  bool operator==(const InputForm&) const = default;
};

/// Where an image is placed in the input. With Cover it may begin before the input and be larger.
struct Placement {
  // Input pixels per image pixel. The two differ slightly, because each side is rounded to whole pixels.
  double scale_x = 1;
  double scale_y = 1;
  int left = 0;
  int top = 0;
  int width = 0;  // pixels of the input
  int height = 0;
  int picture_width = 0;
  int picture_height = 0;
  bool operator==(const Placement&) const = default;
};

/// Places an image like the letterbox of Ultralytics: centered, with the smaller bar first if they differ.
/// Cover is like Resize and CenterCrop of torchvision.
[[nodiscard]] Placement place(int width, int height, const InputForm& form);

/// Returns the coefficients that convert this format's luma and chroma to values of the model's input.
[[nodiscard]] ColourRow choose_colours(const PictureFormat& format, const InputForm& form);

inline constexpr float kBar = 114;  // grey level of the bars, as in the training of all YOLO models

/// Returns true if Letterbox can fill the form from this format. Antialiasing needs packed RGB: its filter is
/// defined on red, green and blue, and filtering subsampled planes would give other values at each edge.
[[nodiscard]] constexpr bool takes(const InputForm& form, PixelFormat format) noexcept {
  const bool is_packed = format == PixelFormat::Bgr || format == PixelFormat::Rgb;
  if (form.channels == 1) return !is_packed;
  return is_packed || format == PixelFormat::Gray || !form.antialias;
}

/// Interpolates linearly between pixel centers, as cv2.resize with INTER_LINEAR; bit-exact for BGR and RGB.
/// With `antialias` as Pillow's Image.resize with BILINEAR, also bit-exact. Keeps tables and rows between
/// calls. Not thread-safe.
class Letterbox {
 public:
  explicit Letterbox(const InputForm& form) : form_(form) {}

  [[nodiscard]] const InputForm& form() const noexcept { return form_; }
  [[nodiscard]] std::size_t floats() const noexcept;
  /// Writes floats() values to `tensor`. Throws Error if takes() is false for the format. If `tensor` already
  /// contains the bars of an image placed at `barred` and this one has the same placement, the bars are not
  /// written again.
  Placement fill(const Picture& picture, float* tensor, const Placement& barred = {});

  /// The position of each output pixel among the samples of a row or column.
  struct Taps {
    std::vector<std::int32_t> first;  // index of the sample before the position
    std::vector<float> weight;        // weight of the sample after the position
    bool is_copy = false;             // same number of outputs and samples: no interpolation
  };

 private:
  // The part of the scaled image that the input shows.
  struct Shown {
    int left = 0;  // pixels of the scaled image
    int top = 0;
    int width = 0;
    int height = 0;
  };

  // Horizontal and vertical.
  struct Axes {
    ScaledAxis across;
    ScaledAxis down;
  };

  void prepare(const PictureFormat& format);
  void packed_row(const Picture& picture, int y, const ColourRow& how, const std::array<float*, 3>& rgb);
  void planar_row(const Picture& picture, int y, const ColourRow& how, const std::array<float*, 3>& rgb);
  void blend(const Plane& plane, const Taps& rows, int y, std::vector<float>& out) const;
  void scale_component(const Plane& plane, const Taps& across, const Taps& down, int y, std::size_t part);
  void scale_chroma(const Picture& picture, int y);
  void write_bars(float* tensor) const;
  [[nodiscard]] std::array<float*, 3> view_row(float* tensor, int y) const;

  InputForm form_;
  PictureFormat format_;
  Placement placement_;
  Shown shown_;
  Taps luma_x_;
  Taps luma_y_;
  Taps chroma_x_;
  Taps chroma_y_;
  PackedResize packed_;
  AntialiasedPlane smooth_;
  std::vector<float> wide_;                  // a row of a plane at the image's width, interpolated from two
  std::array<std::vector<float>, 3> parts_;  // components of the row at the input's width
};

/// The position of an image in the model's input, and in the frame that contains it.
struct PicturePlace {
  // In the model's input.
  int input_width = 0;
  int input_height = 0;
  Placement placement;  // within the input
  // In the frame.
  int left = 0;
  int top = 0;
  int frame_width = 0;
  int frame_height = 0;

  /// The position of an image that is the whole frame.
  [[nodiscard]] static PicturePlace whole(const InputForm& form, const Placement& placement) {
    return {.input_width = form.width,
            .input_height = form.height,
            .placement = placement,
            .frame_width = placement.picture_width,
            .frame_height = placement.picture_height};
  }
  /// The position of the same image if it is a region of a frame, starting at that pixel.
  [[nodiscard]] PicturePlace in_frame(int x_in_frame, int y_in_frame, int width, int height) const {
    auto part = *this;
    part.left = x_in_frame;
    part.top = y_in_frame;
    part.frame_width = width;
    part.frame_height = height;
    return part;
  }

  // Converts pixels of the input to pixels of the frame.
  [[nodiscard]] double unbounded_x(double x) const noexcept {
    return (x - placement.left) / placement.scale_x + left;
  }
  [[nodiscard]] double unbounded_y(double y) const noexcept {
    return (y - placement.top) / placement.scale_y + top;
  }
  // The same, clipped to the image.
  [[nodiscard]] float x(double of_input) const noexcept {
    return static_cast<float>(
        std::clamp(unbounded_x(of_input), double{0} + left, double{0} + left + placement.picture_width));
  }
  [[nodiscard]] float y(double of_input) const noexcept {
    return static_cast<float>(
        std::clamp(unbounded_y(of_input), double{0} + top, double{0} + top + placement.picture_height));
  }
};

}  // namespace freshframe::inference
