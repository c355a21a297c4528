// Masks of whole pictures as texts.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bindings/parts.hpp"
#include "inference/masks/mask_text.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
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
      [](const MaskSizes& of, const std::uint8_t* data) {
        std::vector<std::string> texts;
        const auto pixels = static_cast<std::size_t>(of.width) * static_cast<std::size_t>(of.height);
        for (std::size_t i = 0; i < of.count; ++i)
          texts.push_back(inference::text_of_mask(data + i * pixels, of.width, of.height));
        return texts;
      },
      sizes, reinterpret_cast<const std::uint8_t*>(masks.data()));
}

}  // namespace

void bind_masks(nb::module_& module) {
  module.def("encode_masks", gil::entry<&encode_masks>, nb::arg("masks"), "GIL: released");
}

}  // namespace freshframe::python
