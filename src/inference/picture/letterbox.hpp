// From the planes of a decoded picture to a model's input: scaled, coloured and normalised in one pass.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/picture/packed_resize.hpp"

namespace freshframe::inference {

/// The form of a model's input: `channels` planes of floats, one after the other.
struct InputForm {
  int width = 0;
  int height = 0;
  int channels = 3;      // or 1: luma
  bool stretch = false;  // to the whole input; else the aspect ratio is kept, and grey bars fill the rest
  bool blue_first = false;
  // A level of 0..255 becomes (level / 255 - mean) / deviation; red, green, blue.
  std::array<float, 3> mean = {0, 0, 0};
  std::array<float, 3> deviation = {1, 1, 1};
  bool operator==(const InputForm&) const = default;
};

/// The place of a picture in the input.
struct Placement {
  // Pixels of the input per pixel of the picture. They differ a little: each side is rounded to whole pixels.
  double scale_x = 1;
  double scale_y = 1;
  int left = 0;
  int top = 0;
  int width = 0;  // in the input
  int height = 0;
  int picture_width = 0;
  int picture_height = 0;
  bool operator==(const Placement&) const = default;
};

/// As the letterbox of Ultralytics: centred, the smaller bar first where they differ.
[[nodiscard]] Placement place(int width, int height, const InputForm& form);

/// Bilinear between the centres of pixels, as cv2.resize with INTER_LINEAR: to the bit for BGR and RGB. Keeps
/// tables and rows between calls. One thread at a time.
class Letterbox {
 public:
  explicit Letterbox(const InputForm& form) : form_(form) {}

  [[nodiscard]] const InputForm& form() const noexcept { return form_; }
  [[nodiscard]] std::size_t floats() const noexcept;
  /// Writes floats() numbers to `tensor`. Takes every PixelFormat. Where `tensor` already has the bars of a
  /// picture that was placed at `barred`, and this one has the same place, they are not written again.
  Placement fill(const Picture& picture, float* tensor, const Placement& barred = {});

  /// The place of each output pixel among the samples of a row or column.
  struct Taps {
    std::vector<std::int32_t> first;  // index of the sample before it
    std::vector<float> weight;        // of the one after it
    bool is_copy = false;             // as many outputs as samples: each is its sample
  };

 private:
  void prepare(const PictureFormat& format);
  void blend(const Plane& plane, const Taps& rows, int y, std::vector<float>& out) const;
  void scale_component(const Plane& plane, const Taps& across, const Taps& down, int y, std::size_t part);
  void scale_chroma(const Picture& picture, int y);
  void write_bars(float* tensor) const;
  [[nodiscard]] std::array<float*, 3> row_of(float* tensor, int y) const;

  InputForm form_;
  PictureFormat format_;
  Placement placement_;
  Taps luma_x_;
  Taps luma_y_;
  Taps chroma_x_;
  Taps chroma_y_;
  PackedResize packed_;
  std::vector<float> wide_;                  // one row of a plane, blended of two, at the picture's width
  std::array<std::vector<float>, 3> parts_;  // the row's components at the input's width
};

}  // namespace freshframe::inference
