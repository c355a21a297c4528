// Images around a model: crops of a frame as one array for a second model, and masks encoded as strings.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"
#include "inference/masks/mask_text.hpp"
#include "inference/picture/crops.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Corners4 = nb::ndarray<const float, nb::shape<-1, 4>, nb::c_contig, nb::device::cpu>;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kLargestCrop = 4096;  // pixels per side
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr double kMostPadding = 10;

std::vector<Detection> read_boxes(nb::handle given) {
  const nb::object array =
      nb::module_::import_("freshframe._results.numbers")
          .attr("box_numbers")(nb::hasattr(given, "xyxy") ? nb::object(given.attr("xyxy"))
                                                          : nb::borrow(given));
  Corners4 corners;
  if (!nb::try_cast(array, corners)) {
    const bool none = nb::cast<std::size_t>(array.attr("size")) == 0;
    if (none) return {};
    const nb::object shape = array.attr("shape");  // str(accessor) would not call str()
    throw OptionError(
        std::string("crops() needs boxes as Detections or as an array of shape (n, 4): left, top, right, "
                    "bottom, got an array of shape ") +
        nb::str(shape).c_str());
  }
  std::vector<Detection> boxes;
  for (std::size_t i = 0; i < corners.shape(0); ++i)
    boxes.push_back({.x1 = corners(i, 0), .y1 = corners(i, 1), .x2 = corners(i, 2), .y2 = corners(i, 3)});
  return boxes;
}

inference::CropForm make_form(std::pair<int, int> size, double padding, std::size_t count) {
  const auto [width, height] = size;
  const auto fits = [](int side) { return side >= 1 && static_cast<std::size_t>(side) <= kLargestCrop; };
  if (!fits(width) || !fits(height)) {
    throw OptionError("crops() needs a size of 1 to " + std::to_string(kLargestCrop) +
                      " pixels a side, got (" + std::to_string(width) + ", " + std::to_string(height) + ")");
  }
  if (!(padding >= 0 && padding <= kMostPadding))
    throw OptionError("crops() needs a padding of 0 to 10 box sizes, got " + std::to_string(padding));
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  if (count * bytes > kMostBytes)
    throw OptionError("crops() returns at most 1 GiB, but " + std::to_string(count) + " crops of " +
                      std::to_string(width) + "x" + std::to_string(height) +
                      " pixels are larger: pass fewer boxes or a smaller size");
  return {.width = width, .height = height, .padding = padding};
}

nb::object crops(gil::Held& held, const Frame& self, nb::handle given, nb::handle size, nb::handle padding) {
  const auto boxes = read_boxes(given);
  const auto form = make_form(nb::cast<std::pair<int, int>>(call_check("size", "size", size)),
                              nb::cast<double>(call_check("number", "padding", padding)), boxes.size());
  const std::array<std::size_t, 4> shape = {boxes.size(), static_cast<std::size_t>(form.height),
                                            static_cast<std::size_t>(form.width), 3};
  auto pixels = std::make_unique<Bytes>(shape[0] * shape[1] * shape[2] * shape[3]);
  gil::release(
      held,
      [](const Frame& frame, const std::vector<Detection>& from, const inference::CropForm& how,
         std::uint8_t* out) { inference::crop_boxes(frame.to(PixelFormat::Bgr), from, how, out); },
      check_process(self), boxes, form, pixels->data());
  std::uint8_t* const data = pixels->data();
  const nb::capsule owner(pixels.release(),
                          [](void* object) noexcept { delete static_cast<Bytes*>(object); });
  return nb::cast(nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<4>>(data, shape.size(), shape.data(), owner));
}

}  // namespace

void bind_frame_crops(nb::class_<Frame>& frame) {
  frame.def(
      "crops", gil::entry<&crops>, nb::arg("boxes").none(), nb::arg("size").none(), nb::kw_only(),
      nb::arg("padding").none() = 0.0,
      nb::sig("def crops(self, boxes: typing.Any, size: tuple[int, int], *, padding: float = 0.0) -> "
              "numpy.typing.NDArray[numpy.uint8]"),
      "Cuts boxes out of the image and scales them to one size, for example as the batch of a second "
      "model.\n\nThe pixels are equal to cv2.resize() of the same regions of `bgr`. Boxes are rounded "
      "outwards to whole pixels and clipped to the image.\n\nArgs:\n    boxes: n Detections, or (n, 4) "
      "numbers: left, top, right and bottom in pixels.\n    size: Width and height of each crop, 1 to 4096 "
      "pixels.\n    padding: Margin added on each side of a box, as a fraction of its width or height, 0 to "
      "10.\n\nReturns:\n    (n, height, width, 3) uint8 in BGR order. The crop of a box that is outside the "
      "image, or contains NaN or infinity, is all zeros.\n\nRaises:\n    OptionError: The boxes have another "
      "shape, or a number is out of range.\nGIL: released");
}

namespace {

using Masks = nb::ndarray<const bool, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

struct MaskSizes {
  std::size_t count = 0;
  int height = 0;
  int width = 0;
};

std::vector<std::string> encode_masks(gil::Held& held, const Masks& masks) {
  const MaskSizes sizes{masks.shape(0), static_cast<int>(masks.shape(1)), static_cast<int>(masks.shape(2))};
  return gil::release(
      held,
      [](const MaskSizes& all, const std::uint8_t* data) {
        std::vector<std::string> texts;
        const auto pixels = static_cast<std::size_t>(all.width) * static_cast<std::size_t>(all.height);
        for (std::size_t i = 0; i < all.count; ++i)
          texts.push_back(inference::encode_mask(data + i * pixels, all.width, all.height));
        return texts;
      },
      sizes, reinterpret_cast<const std::uint8_t*>(masks.data()));
}

}  // namespace

void bind_masks(nb::module_& module) {
  module.def("encode_masks", gil::entry<&encode_masks>, nb::arg("masks"), "GIL: released");
}

}  // namespace freshframe::python
