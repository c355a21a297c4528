// The truth of the demo's scenes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include "bindings/parts.hpp"
#include "media/demo/scene.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

void bind_demo_truth(nb::module_& module) {
  nb::class_<DemoCircle>(module, "DemoCircle", nb::is_final(), "One circle of demo:circles.")
      .def_ro("id", &DemoCircle::id)
      .def_ro("x", &DemoCircle::x)
      .def_ro("y", &DemoCircle::y)
      .def_ro("r", &DemoCircle::r)
      .def_ro("visible", &DemoCircle::visible);
  nb::class_<media::DemoShape>(module, "DemoShape", nb::is_final(), "One shape of demo:shapes.")
      .def_ro("id", &media::DemoShape::id)
      .def_ro("name", &media::DemoShape::name)
      .def_ro("x1", &media::DemoShape::x1)
      .def_ro("y1", &media::DemoShape::y1)
      .def_ro("x2", &media::DemoShape::x2)
      .def_ro("y2", &media::DemoShape::y2)
      .def_ro("visible", &media::DemoShape::visible);
  module.def("demo_truth", &demo_truth, nb::arg("url"), nb::arg("seq"));
  module.def("demo_shapes", &media::demo_shapes, nb::arg("url"), nb::arg("seq"));
}

}  // namespace freshframe::python
