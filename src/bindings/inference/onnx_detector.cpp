// The node OnnxDetector and its options.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/inference.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "bindings/border/region.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/inference/onnx_model.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::OnnxDetector> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Description = OnnxDetector::Description;

std::unique_ptr<NodeHandle> make_detector(gil::Held& held, const Model& self,
                                          const OnnxDetectorOptions& options) {
  auto detector = gil::release(
      held,
      [](const Model& model, const OnnxDetectorOptions& how) {
        return std::make_unique<OnnxDetector>(model.get(), how);
      },
      self, options);
  return handle_of(std::move(detector));
}

void bind_detector_options(nb::module_& module) {
  nb::class_<OnnxDetectorOptions>(module, "OnnxDetectorOptions", nb::is_final(),
                                  "Options of OnnxDetector, at their defaults.")
      .def(nb::init<>())
      .def_rw("confidence", &OnnxDetectorOptions::confidence)
      .def_rw("iou", &OnnxDetectorOptions::iou)
      .def_rw("classes", &OnnxDetectorOptions::classes)
      .def_rw("names", &OnnxDetectorOptions::names)
      .def_rw("layout", &OnnxDetectorOptions::layout)
      .def_rw("size", &OnnxDetectorOptions::size)
      .def_rw("tensor_batches", &OnnxDetectorOptions::tensor_batches)
      .def_prop_rw(
          "roi", [](const OnnxDetectorOptions& self) { return corners_of(self.roi); },
          [](OnnxDetectorOptions& self, const std::optional<Corners>& roi) { self.roi = region_of(roi); },
          nb::for_setter(nb::arg("roi").none()), "x0, y0, x1, y1 in pixels.");
}

}  // namespace

void bind_onnx_detector(nb::module_& module) {
  bind_detector_options(module);
  nb::class_<Description>(module, "OnnxDescription", nb::is_final(),
                          "What an OnnxDetector made of its model.")
      .def_ro("layout", &Description::layout)
      .def_ro("why", &Description::why)
      .def_ro("names", &Description::names)
      .def_ro("classes", &Description::classes)
      .def_prop_ro("size", [](const Description& self) { return std::pair(self.width, self.height); })
      .def_ro("pictures", &Description::pictures);
  module.def("make_onnx_detector", gil::entry<&make_detector>, nb::arg("model"), nb::arg("options"),
             "GIL: released");
  module.def(
      "set_onnx_confidence",
      [](const NodeHandle& self, float confidence) {
        node_as<OnnxDetector>(self, "an OnnxDetector").set_confidence(confidence);
      },
      nb::arg("node"), nb::arg("confidence"), "The next picture has it.");
  module.def(
      "set_onnx_classes",
      [](const NodeHandle& self, const std::vector<std::string>& classes) {
        node_as<OnnxDetector>(self, "an OnnxDetector").set_classes(classes);
      },
      nb::arg("node"), nb::arg("classes"), "The next picture has them.");
  module.def(
      "describe_onnx_detector",
      [](const NodeHandle& self) {
        return node_as<const OnnxDetector>(self, "an OnnxDetector").description();
      },
      nb::arg("node"));
}

}  // namespace freshframe::python
