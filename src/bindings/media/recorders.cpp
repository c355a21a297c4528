// Recorders: VideoFile and ClipRecorder.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/media.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "media/recording/video_file_codec.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::ClipRecorder> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// The options of an encoder, which the package has checked.
template <class Options>
Options encoding(const nb::dict& given) {
  Options options;
  options.codec = nb::cast<std::string>(given["codec"]);
  options.quality = nb::cast<int>(given["quality"]);
  options.speed = encoder_speed_of(nb::cast<std::string>(given["speed"]));
  options.options = nb::cast<std::map<std::string, std::string>>(given["options"]);
  return options;
}

std::unique_ptr<NodeHandle> make_video_file(const std::string& path, const nb::dict& given,
                                            std::optional<double> fps, std::optional<double> segment) {
  auto options = encoding<VideoFileOptions>(given);
  options.fps = fps;
  options.segment = segment;
  return handle_of(std::make_unique<VideoFile>(path, options));
}

std::unique_ptr<NodeHandle> make_clip_recorder(double before, double after, std::size_t max_bytes,
                                               const nb::dict& given) {
  auto options = encoding<ClipOptions>(given);
  options.before = before;
  options.after = after;
  options.max_bytes = max_bytes;
  return handle_of(std::make_unique<ClipRecorder>(std::move(options)));
}

ClipRecorder& clip_recorder(const NodeHandle& self) {
  self.guard.check("the ClipRecorder");
  return node_as<ClipRecorder>(self, "a clip recorder");
}

void save_clip(gil::Held& held, const NodeHandle& self, const std::string& path, std::optional<double> at) {
  gil::release(
      held,
      [](ClipRecorder* recorder, const std::string& name, std::optional<double> event) {
        recorder->save(name, event);
      },
      &clip_recorder(self), path, at);
}

}  // namespace

void bind_recorders(nb::module_& module) {
  module.def("make_video_file", &make_video_file, nb::arg("path"), nb::arg("encoding"), nb::arg("fps").none(),
             nb::arg("segment").none());
  module.def("video_file_codec", &media::video_file_codec, nb::arg("path"), nb::arg("codec"),
             "The codec of a file that make_video_file() accepts.");
  module.def("make_clip_recorder", &make_clip_recorder, nb::arg("before"), nb::arg("after"),
             nb::arg("max_bytes"), nb::arg("encoding"));
  module.def("save_clip", gil::entry<&save_clip>, nb::arg("recorder"), nb::arg("path"), nb::arg("at").none(),
             "GIL: released");
  module.def(
      "clips_in_writing", [](const NodeHandle& self) { return clip_recorder(self).writing(); },
      nb::arg("recorder"));
}

}  // namespace freshframe::python
