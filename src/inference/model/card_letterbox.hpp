// Converts images in GPU memory to a model's input there, without a copy to the host.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/device.hpp"
#include "freshframe/region.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "inference/picture/letterbox.hpp"
#include "inference/runtime/session.hpp"

namespace freshframe::inference {

/// Fills tensors on the GPU of ONNX Runtime's CUDA provider with a graph of its operators. The values equal
/// those of Letterbox, except for levels whose rounding differs by one. Not thread-safe.
class CardLetterbox {
 public:
  /// Throws Error if the provider lacks an operator of the graph.
  CardLetterbox(const Runtime& runtime, const InputForm& form);
  CardLetterbox(const CardLetterbox&) = delete;
  CardLetterbox& operator=(const CardLetterbox&) = delete;
  ~CardLetterbox();

  /// Returns true if the image can be converted on the GPU: it is on the provider's GPU, it is NV12 with an
  /// even stride, and the form uses neither antialiasing nor a center crop.
  [[nodiscard]] static bool takes(const InputForm& form, const DevicePicture& picture);

  /// Makes room for `count` images. If the tensor has to grow, its contents are lost.
  void reserve(std::size_t count);
  /// Waits until the image is complete, then writes it to index `index` of the tensor. Returns the position
  /// of the image, or of its region. Throws Error, and DeviceError if the GPU has failed.
  PicturePlace fill(const DevicePicture& picture, const std::optional<Region>& roi, std::size_t index);
  /// A view of the first `count` images of the tensor, with this shape.
  [[nodiscard]] TensorView view(std::size_t count, std::vector<std::int64_t> shape) const;

 private:
  /// The planes of a part of an image.
  struct Part {
    PictureFormat format;
    DevicePlane luma;
    DevicePlane chroma;
    int x = 0;
    int y = 0;
  };
  /// The graph's inputs other than the planes. The values are views of the members.
  struct Numbers {
    std::array<std::int64_t, 1> luma_width{};
    std::array<std::int64_t, 1> chroma_width{};
    std::array<std::int64_t, 4> luma_size{};
    std::array<float, 4> chroma_scale{};
    std::array<std::int64_t, 2> scaled_end{};
    std::array<std::int64_t, 8> bars{};
    std::array<std::vector<float>, 6> colours;  // kColourInputs of the graph
    std::vector<OwnedValue> values;
  };

  [[nodiscard]] static Part find_part(const DevicePicture& picture, const std::optional<Region>& roi);
  void prepare(const PictureFormat& format);
  void set_colours(const PictureFormat& format);
  void bind_numbers();
  void run(const Part& part, std::size_t index);
  [[nodiscard]] std::size_t floats() const noexcept;

  const Runtime& runtime_;
  InputForm form_;
  TensorMemory memory_;
  OwnedSession session_;
  Owned<ort::Allocator, ort::ReleaseAllocator> allocator_;
  std::optional<OwnedValue> tensor_;
  std::size_t room_ = 0;   // capacity in images
  float* data_ = nullptr;  // device address
  PictureFormat format_;   // format that numbers_ is for
  Placement placement_;
  Numbers numbers_;
  std::optional<Owned<ort::IoBinding, ort::ReleaseIoBinding>> binding_;  // binds numbers_ and the last image
};

}  // namespace freshframe::inference
