// From pictures in a card's memory to a model's input there, without a copy in the host's memory.
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

/// Makes tensors on the card of ONNX Runtime's CUDA provider, by a graph of its operators. The
/// numbers are Letterbox's, but for levels whose rounding differs by one. One thread at a time.
class CardLetterbox {
 public:
  /// Throws Error if the provider lacks an operator of the graph.
  CardLetterbox(const Runtime& runtime, const InputForm& form);
  CardLetterbox(const CardLetterbox&) = delete;
  CardLetterbox& operator=(const CardLetterbox&) = delete;
  ~CardLetterbox();

  /// Whether a picture on a card can be filled in: it is on the provider's card, it is NV12 with an even stride,
  /// and the form wants neither antialias nor the middle of the picture.
  [[nodiscard]] static bool takes(const InputForm& form, const DevicePicture& picture);

  /// Makes room for a tensor of `count` pictures. What fill() wrote before is lost if there was not enough.
  void reserve(std::size_t count);
  /// Waits until the picture is whole, and fills place `index` of the tensor. Returns where the picture, or the region
  /// of it, lies. Throws Error, and DeviceError if the picture is lost with its card.
  PicturePlace fill(const DevicePicture& picture, const std::optional<Region>& roi, std::size_t index);
  /// The first `count` pictures of the tensor, of that shape.
  [[nodiscard]] TensorView view(std::size_t count, std::vector<std::int64_t> shape) const;

 private:
  /// The planes of a part of a picture.
  struct Part {
    PictureFormat format;
    DevicePlane luma;
    DevicePlane chroma;
    int x = 0;
    int y = 0;
  };
  /// The graph's inputs beside the planes. The values are views of the members.
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
  std::size_t room_ = 0;   // pictures of the tensor
  float* data_ = nullptr;  // its address on the card
  PictureFormat format_;   // of numbers_
  Placement placement_;
  Numbers numbers_;
  std::optional<Owned<ort::IoBinding, ort::ReleaseIoBinding>>
      binding_;  // of numbers_, and of the last picture
};

}  // namespace freshframe::inference
