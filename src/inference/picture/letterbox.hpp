// From the planes of a decoded picture to a model's input: scaled, coloured and normalised in one pass.
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

/// How a picture fits into the input. Bars: it keeps its aspect ratio, and grey bars fill the rest. Cover: it keeps its
/// aspect ratio and is so large that it covers the input, which shows its middle.
enum class Fit : std::uint8_t { Bars, Stretch, Cover };

/// The form of a model's input: `channels` planes of floats, one after the other.
struct InputForm {
  int width = 0;
  int height = 0;
  int channels = 3;  // 3, or 1 for luma
  Fit fit = Fit::Bars;
  /// All pixels of a picture that is made smaller count, as in Pillow. See takes().
  bool antialias = false;
  bool blue_first = false;
  // A level of 0..255 becomes (level / 255 - mean) / deviation; red, green, blue.
  std::array<float, 3> mean = {0, 0, 0};
  std::array<float, 3> deviation = {1, 1, 1};
  bool operator==(const InputForm&) const = default;
};

/// The place of a picture in the input. A picture that covers it may begin before it, and be larger.
struct Placement {
  // Pixels of the input per pixel of the picture. They differ a little: each side is rounded to whole pixels.
  double scale_x = 1;
  double scale_y = 1;
  int left = 0;
  int top = 0;
  int width = 0;  // in pixels of the input
  int height = 0;
  int picture_width = 0;
  int picture_height = 0;
  bool operator==(const Placement&) const = default;
};

/// Places a picture like the letterbox of Ultralytics: centred, the smaller bar first where they differ.
/// Cover is like Resize and CenterCrop of torchvision.
[[nodiscard]] Placement place(int width, int height, const InputForm& form);

/// How luma and chroma of that format become the numbers of the input.
[[nodiscard]] ColourRow choose_colours(const PictureFormat& format, const InputForm& form);

inline constexpr float kBar = 114;  // the grey of the bars, as in the training of every YOLO

/// Whether a Letterbox fills that form from pictures of that format. All but this: filters for colours are defined on
/// red, green and blue, and subsampled planes would differ from them at each edge.
[[nodiscard]] constexpr bool takes(const InputForm& form, PixelFormat format) noexcept {
  const bool is_packed = format == PixelFormat::Bgr || format == PixelFormat::Rgb;
  if (form.channels == 1) return !is_packed;
  return is_packed || format == PixelFormat::Gray || !form.antialias;
}

/// Bilinear between the centres of pixels, as cv2.resize with INTER_LINEAR: to the bit for BGR and RGB. With
/// `antialias` as Image.resize of Pillow with BILINEAR, also to the bit. Keeps tables and rows between calls. One
/// thread at a time.
class Letterbox {
 public:
  explicit Letterbox(const InputForm& form) : form_(form) {}

  [[nodiscard]] const InputForm& form() const noexcept { return form_; }
  [[nodiscard]] std::size_t floats() const noexcept;
  /// Writes floats() numbers to `tensor`. Throws Error for a format that the form does not take. Where `tensor` already has the bars of a
  /// picture that was placed at `barred`, and this one has the same place, they are not written again.
  Placement fill(const Picture& picture, float* tensor, const Placement& barred = {});

  /// The place of each output pixel among the samples of a row or column.
  struct Taps {
    std::vector<std::int32_t> first;  // index of the sample before it
    std::vector<float> weight;        // weight of the one after it
    bool is_copy = false;             // as many outputs as samples: each is its sample
  };

 private:
  // The part of the scaled picture that the input shows.
  struct Shown {
    int left = 0;  // in the scaled picture
    int top = 0;
    int width = 0;
    int height = 0;
  };

  // Across and down.
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
  std::vector<float> wide_;                  // one row of a plane, blended of two, at the picture's width
  std::array<std::vector<float>, 3> parts_;  // the row's components at the input's width
};

/// Where a picture lies: in the model's input, and in the frame that contains it.
struct PicturePlace {
  // The model's input.
  int input_width = 0;
  int input_height = 0;
  Placement placement;  // in it
  // In the frame.
  int left = 0;
  int top = 0;
  int frame_width = 0;
  int frame_height = 0;

  /// The place of a picture that is the whole frame.
  [[nodiscard]] static PicturePlace whole(const InputForm& form, const Placement& placement) {
    return {.input_width = form.width,
            .input_height = form.height,
            .placement = placement,
            .frame_width = placement.picture_width,
            .frame_height = placement.picture_height};
  }
  /// The place of the same picture, if it is the part of a frame that begins at that pixel.
  [[nodiscard]] PicturePlace in_frame(int x_in_frame, int y_in_frame, int width, int height) const {
    auto part = *this;
    part.left = x_in_frame;
    part.top = y_in_frame;
    part.frame_width = width;
    part.frame_height = height;
    return part;
  }

  // From pixels of the input to pixels of the frame.
  [[nodiscard]] double unbounded_x(double x) const noexcept {
    return (x - placement.left) / placement.scale_x + left;
  }
  [[nodiscard]] double unbounded_y(double y) const noexcept {
    return (y - placement.top) / placement.scale_y + top;
  }
  // The coordinate within the picture.
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
