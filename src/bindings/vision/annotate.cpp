// Drawing: Annotate as a node and for calls outside of a pipeline, and lines of text as masks.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/counts.hpp"
#include "bindings/results/value.hpp"
#include "bindings/vision/tracks.hpp"
#include "core/frame/frame_access.hpp"
#include "vision/draw/text/label.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::Annotate> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// Options of Annotate for Python.
struct AnnotateRules {
  AnnotateOptions options;
};

AnnotateRules make_annotate_rules(std::optional<std::string> labels, std::string caption,
                                  std::vector<std::string> blur, bool masks, bool skeletons,
                                  std::vector<std::pair<int, int>> bones) {
  return {{.masks = masks,
           .skeletons = skeletons,
           .bones = std::move(bones),
           .labels = std::move(labels),
           .caption = std::move(caption),
           .blur = std::move(blur)}};
}

std::unique_ptr<NodeHandle> make_annotate(double trail, std::optional<float> line_width,
                                          const AnnotateRules& rules) {
  auto options = rules.options;
  options.trail = trail;
  options.line_width = line_width;
  return make_handle(std::make_unique<Annotate>(options));
}

Frame annotate(gil::Held& held, NodeHandle& self, const Frame& frame, nb::handle given,
               std::optional<double> pts) {
  const LoneCall<Annotate> call(self, "an Annotate", "draw()");
  auto value = tracks_from(held, given);
  if (!value) value = counts_from_python(held, given, &from_python);
  if (!value) {
    throw OptionTypeError(
        std::string(
            "Annotate takes Circles, Detections (freshframe's or supervision's) or counts, but draw() "
            "got ") +
        with_article(get_type_name(given)) + kMakeThem);
  }
  return gil::release(
      held,
      [](Annotate* drawer, const Frame& picture, const ValueRef& found, const std::optional<double>& at) {
        return drawer->draw(core::FrameAccess::engine(picture), found, at).keep();
      },
      &call.node(), frame, value, pts);
}

// Returns a line of text as (H, W) uint8: how much of each pixel the letters cover.
nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<2>> text_mask(const std::string& text, double height) {
  auto drawn = std::make_unique<vision::Lettering>(vision::lettering(text, height));
  std::uint8_t* const data = drawn->mask.data();
  const std::array shape = {static_cast<std::size_t>(drawn->height), static_cast<std::size_t>(drawn->width)};
  const nb::capsule owner(drawn.release(),
                          [](void* object) noexcept { delete static_cast<vision::Lettering*>(object); });
  return {data, shape.size(), shape.data(), owner};
}

}  // namespace

void bind_annotate(nb::module_& module) {
  const nb::class_<AnnotateRules> rules(module, "AnnotateRules",
                                        "Options of Annotate: what it writes, draws and blurs.");
  module.def("make_annotate_rules", &make_annotate_rules, nb::arg("labels").none(), nb::arg("caption"),
             nb::arg("blur"), nb::arg("masks"), nb::arg("skeletons"), nb::arg("bones"));
  module.def("make_annotate", &make_annotate, nb::arg("trail"), nb::arg("line_width").none(),
             nb::arg("rules"));
  module.def("annotate", gil::entry<&annotate>, nb::arg("node"), nb::arg("frame"), nb::arg("found").none(),
             nb::arg("pts").none(),
             nb::sig("def annotate(node: NodeHandle, frame: Frame, found: typing.Any, pts: float | None) -> "
                     "Frame"),
             "Returns a copy of the frame with the results drawn on it. GIL: released");
  module.def("text_mask", &text_mask, nb::arg("text"), nb::arg("height"),
             "Returns a line of anti-aliased text as a mask: the coverage of each pixel, 0 to 255.");
}

}  // namespace freshframe::python
