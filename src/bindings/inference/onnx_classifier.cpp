// The node OnnxClassifier and its options.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/classification.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/engine/node_handle.hpp"
#include "bindings/inference/onnx_model.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::OnnxClassifier> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_classifier(gil::Held& held, const Model& self,
                                            const OnnxClassifierOptions& options) {
  auto classifier = gil::release(
      held,
      [](const Model& model, const OnnxClassifierOptions& how) {
        return std::make_unique<OnnxClassifier>(model.get(), how);
      },
      self, options);
  return handle_of(std::move(classifier));
}

}  // namespace

void bind_onnx_classifier(nb::module_& module) {
  using Options = OnnxClassifierOptions;
  nb::class_<Options>(module, "OnnxClassifierOptions", nb::is_final(),
                      "Options of OnnxClassifier, at their defaults.")
      .def(nb::init<>())
      .def_rw("column", &Options::column)
      .def_rw("names", &Options::names)
      .def_rw("size", &Options::size)
      .def_rw("middle", &Options::middle)
      .def_rw("antialias", &Options::antialias)
      .def(
          "set_crops",
          [](Options& self, std::vector<std::string> classes, float margin, std::string_view looks) {
            using Looks = CropOptions::Looks;
            const auto of_tracks = looks == "best" ? Looks::Best : Looks::Growing;
            self.crops = {.classes = std::move(classes),
                          .margin = margin,
                          .looks = looks == "each" ? Looks::Each : of_tracks};
          },
          nb::arg("classes"), nb::arg("margin"), nb::arg("looks"));
  module.def("make_onnx_classifier", gil::entry<&make_classifier>, nb::arg("model"), nb::arg("options"),
             "GIL: released");
}

}  // namespace freshframe::python
