// The form of a frame in a notebook: a JPEG picture.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "bindings/engine.hpp"
#include "bindings/python_free_types.hpp"
#include "media/colour/jpeg_encoder.hpp"

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr int kMaxWidth = 960;  // pixels: notebooks keep the pictures in their files
constexpr int kQuality = 90;

nb::bytes jpeg(gil::Held& held, const Frame& self) {
  const std::string bytes = gil::release(
      held,
      [](const Frame& frame) {
        media::JpegEncoder encoder;
        return encoder.encode(frame, kMaxWidth, kQuality).bytes;
      },
      self);
  return nb::bytes(bytes.data(), bytes.size());
}

}  // namespace

void bind_frame_display(nb::class_<Frame>& frame) {
  frame.def("_repr_jpeg_", gil::entry<&jpeg>,
            "The picture for notebooks, at most 960 pixels wide. GIL: released");
}

}  // namespace freshframe::python
