// The cameras of this machine.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/camera.hpp"

#include <string>
#include <vector>

#include "bindings/parts.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::vector<CameraInfo> list_cameras(gil::Held& held) {
  return gil::release(held, [] { return cameras(); });
}

}  // namespace

void bind_cameras(nb::module_& module) {
  nb::class_<CameraSize>(module, "CameraSize", nb::is_final(),
                         "A size that a camera offers, or a grid of sizes, with its rates.")
      .def_ro("width", &CameraSize::width, "Pixels; of a grid: the largest.")
      .def_ro("height", &CameraSize::height)
      .def_ro("min_width", &CameraSize::min_width, "Of a grid: the smallest.")
      .def_ro("min_height", &CameraSize::min_height)
      .def_ro("step_width", &CameraSize::step_width, "0: one size, no grid.")
      .def_ro("step_height", &CameraSize::step_height)
      .def_ro("fps", &CameraSize::fps, "Frames per second, highest first.")
      .def_ro("fps_range", &CameraSize::fps_range, "`fps` is the highest and the lowest of a range.");
  nb::class_<CameraFormat>(module, "CameraFormat", nb::is_final(), "A pixel format of a camera.")
      .def_ro("name", &CameraFormat::name)
      .def_ro("description", &CameraFormat::description)
      .def_ro("supported", &CameraFormat::supported)
      .def_ro("sizes", &CameraFormat::sizes);
  nb::class_<CameraInfo>(module, "CameraInfo", nb::is_final(), "A camera of this machine.")
      .def_ro("path", &CameraInfo::path)
      .def_ro("name", &CameraInfo::name)
      .def_ro("driver", &CameraInfo::driver)
      .def_ro("bus", &CameraInfo::bus)
      .def_ro("problem", &CameraInfo::problem, "Why it cannot be queried or used; empty: no problem.")
      .def_ro("problem_code", &CameraInfo::problem_code, "The errno of the problem, 0: none.")
      .def_ro("formats", &CameraInfo::formats);
  module.def("cameras", gil::entry<&list_cameras>,
             "The cameras of this machine with their formats and rates. GIL: released");
}

}  // namespace freshframe::python
