// Sources of video: open() and its options, the properties of the opened video, FFmpeg's versions.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Size = std::optional<std::pair<int, int>>;

const VideoSource& video_source(const NodeHandle& self) {
  return node_as<const VideoSource>(self, "a video source");
}

VideoInfo video_info(const NodeHandle& self) {
  const auto& source = video_source(self);
  auto info = source.info();
  if (info.width == 0) {
    throw StateError(
        "the info of '" + source.url() +
        "' is not known yet: it is once the pipeline has started and, with a network stream, the "
        "first frame has arrived; freshframe.probe(url) returns it without a pipeline");
  }
  return info;
}

void bind_open_options(nb::module_& module) {
  nb::class_<OpenOptions>(module, "OpenOptions", nb::is_final(), "Options of open(), at their defaults.")
      .def(nb::init<>())
      .def_prop_rw(
          "size",
          [](const OpenOptions& self) {
            return self.width ? Size({*self.width, self.height.value_or(0)}) : Size();
          },
          [](OpenOptions& self, Size size) {
            self.width = size ? std::optional(size->first) : std::nullopt;
            self.height = size ? std::optional(size->second) : std::nullopt;
          },
          nb::for_setter(nb::arg("size").none()), "Width and height in pixels.")
      .def_rw("fps", &OpenOptions::fps)
      .def_rw("start", &OpenOptions::start)
      .def_rw("end", &OpenOptions::end)
      .def_rw("open_timeout", &OpenOptions::open_timeout)
      .def_rw("read_timeout", &OpenOptions::read_timeout)
      .def_rw("reconnect", &OpenOptions::reconnect)
      .def_rw("must_open", &OpenOptions::must_open)
      .def_prop_rw(
          "damaged", [](const OpenOptions& self) { return std::string(to_string(self.damaged)); },
          [](OpenOptions& self, const std::string& name) { self.damaged = damaged_of(name); },
          "\"mark\" or \"hold\".")
      .def_prop_rw(
          "decode", [](const OpenOptions& self) { return std::string(to_string(self.decode)); },
          [](OpenOptions& self, const std::string& name) { self.decode = decode_of(name); },
          "\"all\" or \"keys\".")
      .def_prop_rw(
          "pace", [](const OpenOptions& self) { return std::string(to_string(self.pace)); },
          [](OpenOptions& self, const std::string& name) { self.pace = pace_of(name); },
          "\"even\" or \"burst\".")
      .def_rw("still", &OpenOptions::still)
      .def_rw("clock_offset", &OpenOptions::clock_offset)
      .def_rw("loop", &OpenOptions::loop)
      .def_rw("realtime", &OpenOptions::realtime)
      .def_rw("live", &OpenOptions::live)
      .def_rw("rendition", &OpenOptions::rendition)
      .def_rw("decoder_threads", &OpenOptions::decoder_threads)
      .def_rw("options", &OpenOptions::options);
}

void bind_video_info(nb::module_& module) {
  nb::class_<VideoInfo>(module, "VideoInfo", nb::is_final(), "The properties of an opened video.")
      .def_ro("codec", &VideoInfo::codec)
      .def_ro("width", &VideoInfo::width)
      .def_ro("height", &VideoInfo::height)
      .def_ro("fps", &VideoInfo::fps)
      .def_ro("frame_count", &VideoInfo::frame_count)
      .def_ro("duration", &VideoInfo::duration)
      .def_ro("pixel_format", &VideoInfo::pixel_format)
      .def_ro("container", &VideoInfo::container)
      .def_ro("interlaced", &VideoInfo::interlaced)
      .def_ro("client", &VideoInfo::client)
      .def_ro("ends_by", &VideoInfo::ends_by)
      .def_ro("renditions", &VideoInfo::renditions);
}

}  // namespace

void bind_video_source(nb::module_& module) {
  bind_open_options(module);
  bind_video_info(module);
  nb::class_<MediaVersions>(module, "MediaVersions", nb::is_final(),
                            "FFmpeg's versions, licence and build flags.")
      .def_ro("avformat", &MediaVersions::avformat)
      .def_ro("avcodec", &MediaVersions::avcodec)
      .def_ro("avutil", &MediaVersions::avutil)
      .def_ro("license", &MediaVersions::license)
      .def_ro("configuration", &MediaVersions::configuration);
  module.def(
      "make_video_source",
      [](const std::string& url, const OpenOptions& options) {
        return handle_of(freshframe::open(url, options));
      },
      nb::arg("url"), nb::arg("options"));
  module.def("video_url", [](const NodeHandle& self) { return video_source(self).url(); }, nb::arg("node"));
  module.def("video_info", &video_info, nb::arg("node"));
  module.def("media_versions", &media_versions);
}

}  // namespace freshframe::python
