// MockCamera, and image files.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/border/fork_guard.hpp"
#include "bindings/border/path_name.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/frame/frame_access.hpp"
#include "core/url/masked_url.hpp"
#include "media/ffmpeg/read/upright.hpp"

#include <nanobind/stl/unique_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_mock_camera(const nb::object& picture, double fps) {
  if (Frame frame; nb::try_cast(picture, frame, false)) {
    return make_handle(std::make_unique<MockCamera>(core::FrameAccess::engine(check_process(frame)), fps));
  }
  if (nb::isinstance<nb::list>(picture)) {
    std::vector<Frame> frames;
    for (const nb::handle each : nb::cast<nb::list>(picture))
      frames.push_back(core::FrameAccess::engine(check_process(nb::cast<const Frame&>(each))));
    return make_handle(std::make_unique<MockCamera>(frames, fps));
  }
  return make_handle(std::make_unique<MockCamera>(nb::cast<PathName>(picture).bytes, fps));
}

Frame rotate_frame(gil::Held& held, const Frame& frame, int degrees) {
  constexpr int kQuarter = 90;
  return gil::release(
      held,
      [](const Frame& from, int quarters) { return media::turned(from, {.quarters = quarters}).keep(); },
      check_process(frame), degrees / kQuarter);
}

Frame read_file(gil::Held& held, nb::handle path, nb::handle pts) {
  const auto name = nb::cast<PathName>(call_check("engine_name", "path", path)).bytes;
  std::optional<double> time;
  if (!pts.is_none()) time = nb::cast<double>(call_check("number", "pts", pts));
  return gil::release(
             held, [](const std::string& from, std::optional<double> at) { return read_frame(from, at); },
             name, time)
      .keep();
}

void write_file(gil::Held& held, const Frame& self, nb::handle path) {
  const auto name = nb::cast<PathName>(call_check("path", "path", path)).bytes;
  gil::release(
      held, [](const Frame& frame, const std::string& to) { write_frame(frame, to); }, check_process(self),
      name);
}

}  // namespace

void bind_frame_files(nb::class_<Frame>& frame) {
  frame
      .def_static(
          "read", gil::entry<&read_file>, nb::arg("path").none(), nb::kw_only(), nb::arg("pts") = nb::none(),
          nb::sig("def read(path: str | os.PathLike[str], *, pts: float | None = None) -> Frame"),
          "Decodes an image file, or one frame of a video file.\n\nArgs:\n    path: An image file, or a "
          "video file if `pts` is given.\n    pts: Time in the video, in seconds. Returns the frame shown at "
          "this time: the last one whose pts is not greater.\n\nRaises:\n    SourceError: The file cannot be "
          "read, is not an image, or ends before `pts`.\n    OptionError: `pts` is negative.\n    "
          "OptionTypeError: An argument has the wrong type.\nGIL: released")
      .def(
          "write", gil::entry<&write_file>, nb::arg("path").none(),
          nb::sig("def write(self, path: str | os.PathLike[str]) -> None"),
          "Writes a PNG or JPEG file, depending on the file name's suffix.\n\nAn existing file is replaced "
          "atomically: other programs see either the old file or the complete new one, and the old one stays "
          "if writing fails, for example because the disk is full. The new file gets the mode of the old "
          "one. If `path` is a symlink, its target is replaced. Devices and pipes are written to directly. "
          "The file is in place when write() returns.\n\nRaises:\n    OSError: The file cannot be "
          "written.\n    OptionError: The suffix is not one of PNG or JPEG.\n    OptionTypeError: `path` is "
          "not a path.\nGIL: released");
}

void bind_pictures(nb::module_& module) {
  module.def("make_mock_camera", &make_mock_camera, nb::arg("picture"), nb::arg("fps"));
  module.def("rotate_frame", gil::entry<&rotate_frame>, nb::arg("frame"), nb::arg("degrees"),
             "Returns a copy that is rotated clockwise by a multiple of 90 degrees. GIL: released");
  module.def(
      "mask_passwords", [](const std::string& text) { return core::mask_passwords(text); }, nb::arg("text"),
      "Returns the text with the passwords in its URLs masked.");
  module.def(
      "shown_url", [](const std::string& url) { return core::shown_url(url); }, nb::arg("url"),
      "Returns the URL with its password masked. The URL may contain spaces and control characters.");
}

}  // namespace freshframe::python
