// A frame as a JPEG picture: for a program that sends it, and for notebooks.
// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/parts.hpp"
#include "media/colour/jpeg_encoder.hpp"

#include <nanobind/stl/optional.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr int kMaxWidth = 960;  // pixels: notebooks keep the pictures in their files
constexpr int kQuality = 90;

nb::bytes encoded(gil::Held& held, const Frame& self, int max_width, int quality) {
  const std::string bytes = gil::release(
      held,
      [](const Frame& frame, int width, int how_well) {
        media::JpegEncoder encoder;
        return encoder.encode(frame, width, how_well).bytes;
      },
      of_this_process(self), max_width, quality);
  return nb::bytes(bytes.data(), bytes.size());
}

nb::bytes shown_in_a_notebook(gil::Held& held, const Frame& self) {
  return encoded(held, self, kMaxWidth, kQuality);
}

nb::bytes jpeg(gil::Held& held, const Frame& self, int quality, std::optional<int> max_width) {
  if (quality < 1 || quality > 100) {
    throw OptionError("quality must be from 1 to 100, got " + std::to_string(quality));
  }
  if (max_width && *max_width < 1) {
    throw OptionError("max_width must be at least 1 pixel, got " + std::to_string(*max_width));
  }
  return encoded(held, self, max_width.value_or(self.width()), quality);
}

}  // namespace

void bind_frame_display(nb::class_<Frame>& frame) {
  frame
      .def("_repr_jpeg_", gil::entry<&shown_in_a_notebook>,
           "The picture for notebooks, at most 960 pixels wide. GIL: released")
      .def(
          "jpeg", gil::entry<&jpeg>, nb::kw_only(), nb::arg("quality") = 80,
          nb::arg("max_width") = nb::none(),
          nb::sig("def jpeg(self, *, quality: int = 80, max_width: int | None = None) -> bytes"),
          "The picture as a JPEG file, for a web page, a message or a database.\n\nThe colours are JPEG's: "
          "full range, BT.601, 4:2:0 (a gray frame has no colours).\n\nArgs:\n    quality: 1 to 100.\n    max_width: "
          "In pixels. A wider picture is scaled down, another keeps its size.\n\nRaises:\n    OptionError: "
          "quality or max_width is out of its range.\nGIL: released");
}

}  // namespace freshframe::python
