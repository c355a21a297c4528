// The cameras of this machine, and the settings of one that is a source.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/camera.hpp"
#include "freshframe/error.hpp"

#include <string>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::vector<CameraInfo> list_cameras(gil::Held& held) {
  return gil::release(held, [] { return cameras(); });
}

CameraSettings& settings_of(NodeBase* node) {
  auto* const camera = dynamic_cast<CameraSettings*>(node);
  if (camera == nullptr) throw OptionTypeError("not a camera");
  return *camera;
}

void set_in(NodeBase* node, const std::string& name, const std::string& value) {
  settings_of(node).set_setting(name, value);
}

void set_camera(gil::Held& held, const NodeHandle& self, const std::string& name, const std::string& value) {
  self.guard.check("the VideoSource");
  auto* const node = &self.get();
  gil::release(held, &set_in, node, name, value);
}

std::string setting_in(NodeBase* node, const std::string& name) {
  return settings_of(node).setting(name);
}

std::string camera_setting(gil::Held& held, const NodeHandle& self, const std::string& name) {
  self.guard.check("the VideoSource");
  auto* const node = &self.get();
  return gil::release(held, &setting_in, node, name);
}

std::vector<CameraControl> controls_in(const NodeBase* node) {
  const auto* const camera = dynamic_cast<const CameraSettings*>(node);
  return camera == nullptr ? std::vector<CameraControl>() : camera->controls();
}

std::vector<CameraControl> camera_controls(gil::Held& held, const NodeHandle& self) {
  self.guard.check("the VideoSource");
  auto* const node = &self.get();
  return gil::release(held, &controls_in, node);
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
  nb::class_<CameraControl>(module, "CameraControl", nb::is_final(), "A control of a camera.")
      .def_ro("name", &CameraControl::name, "The driver's.")
      .def_ro("min", &CameraControl::min)
      .def_ro("max", &CameraControl::max)
      .def_ro("step", &CameraControl::step)
      .def_ro("default", &CameraControl::standard)
      .def_ro("current", &CameraControl::current)
      .def_ro("inactive", &CameraControl::inactive, "An automatic mode determines the value.")
      .def_ro("menu", &CameraControl::menu, "The words of the values, where it has words.");
  nb::class_<CameraInfo>(module, "CameraInfo", nb::is_final(), "A camera of this machine.")
      .def_ro("path", &CameraInfo::path)
      .def_ro("name", &CameraInfo::name)
      .def_ro("driver", &CameraInfo::driver)
      .def_ro("bus", &CameraInfo::bus)
      .def_ro("problem", &CameraInfo::problem, "Why it cannot be queried or used; empty: no problem.")
      .def_ro("problem_code", &CameraInfo::problem_code, "The errno of the problem, 0: none.")
      .def_ro("formats", &CameraInfo::formats)
      .def_ro("controls", &CameraInfo::controls);
  module.def("cameras", gil::entry<&list_cameras>,
             "The cameras of this machine with their formats, rates and controls. GIL: released");
  module.def(
      "is_camera",
      [](const NodeHandle& self) { return dynamic_cast<const CameraSettings*>(&self.get()) != nullptr; },
      nb::arg("node"));
  module.def("set_camera", gil::entry<&set_camera>, nb::arg("node"), nb::arg("name"), nb::arg("value"),
             "Sets a camera's exposure, gain, focus or white_balance. GIL: released");
  module.def("camera_controls", gil::entry<&camera_controls>, nb::arg("node"),
             "The controls of a camera, none of another source. GIL: released");
  module.def("camera_setting", gil::entry<&camera_setting>, nb::arg("node"), nb::arg("name"),
             "A camera's exposure, gain, focus or white_balance. GIL: released");
}

}  // namespace freshframe::python
