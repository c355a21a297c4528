// Predicted boxes, as a node.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <memory>

#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_box_predictor(double max_age) {
  return handle_of(std::make_unique<BoxPredictor>(BoxPredictorOptions{.max_age = max_age}));
}

}  // namespace

void bind_box_predictor(nb::module_& module) {
  module.def("make_box_predictor", &make_box_predictor, nb::arg("max_age"));
}

}  // namespace freshframe::python
