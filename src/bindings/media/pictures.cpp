// Pictures in files, and the MockCamera, which repeats one.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <string>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/frame/frame_access.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_mock_camera(const nb::object& picture, double fps) {
  if (Frame frame; nb::try_cast(picture, frame, false)) {
    return handle_of(std::make_unique<MockCamera>(core::FrameAccess::engine(of_this_process(frame)), fps));
  }
  return handle_of(std::make_unique<MockCamera>(nb::cast<std::string>(picture), fps));
}

Frame load_picture(gil::Held& held, const std::string& path, std::optional<double> at) {
  return gil::release(
             held,
             [](const std::string& name, std::optional<double> time) { return read_picture(name, time); },
             path, at)
      .keep();
}

void save_picture(gil::Held& held, const Frame& frame, const std::string& path) {
  gil::release(
      held, [](const Frame& picture, const std::string& name) { write_picture(picture, name); },
      of_this_process(frame), path);
}

}  // namespace

void bind_pictures(nb::module_& module) {
  module.def("make_mock_camera", &make_mock_camera, nb::arg("picture"), nb::arg("fps"));
  module.def("read_picture", gil::entry<&load_picture>, nb::arg("path"), nb::arg("at").none(),
             "GIL: released");
  module.def("write_picture", gil::entry<&save_picture>, nb::arg("frame"), nb::arg("path"), "GIL: released");
}

}  // namespace freshframe::python
