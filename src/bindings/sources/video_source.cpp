// Video sources: open() and its options, this machine's cameras, and the ground truth of the moving scene.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/camera.hpp"
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/path_name.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "media/device/cards.hpp"
#include "media/packets/packet_camera.hpp"
#include "sources/demo/scene.hpp"
#include "sources/live/reconnecting_source.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
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
        "' is not known yet: start the pipeline and, for a network stream, wait for the first frame, or "
        "call freshframe.probe(url), which needs no pipeline");
  }
  return info;
}

void bind_open_options(nb::module_& module) {
  nb::class_<OpenOptions>(module, "OpenOptions", nb::is_final(), "Options of open(), with their defaults.")
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
      .def_rw("rotate", &OpenOptions::rotate)
      .def_rw("fps", &OpenOptions::fps)
      .def_rw("start", &OpenOptions::start)
      .def_rw("end", &OpenOptions::end)
      .def_rw("open_timeout", &OpenOptions::open_timeout)
      .def_rw("read_timeout", &OpenOptions::read_timeout)
      .def_rw("reconnect", &OpenOptions::reconnect)
      .def_prop_rw(
          "damaged", [](const OpenOptions& self) { return std::string(to_string(self.damaged)); },
          [](OpenOptions& self, const std::string& name) { self.damaged = parse_damaged(name); },
          "\"mark\" or \"hold\".")
      .def_prop_rw(
          "decode", [](const OpenOptions& self) { return std::string(to_string(self.decode)); },
          [](OpenOptions& self, const std::string& name) { self.decode = parse_decode(name); },
          "\"all\" or \"keyframes\".")
      .def_prop_rw(
          "pace", [](const OpenOptions& self) { return std::string(to_string(self.pace)); },
          [](OpenOptions& self, const std::string& name) { self.pace = parse_pace(name); },
          "\"even\" or \"burst\".")
      .def_rw("frozen_after", &OpenOptions::frozen_after)
      .def_rw("clock_offset", &OpenOptions::clock_offset)
      .def_rw("loop", &OpenOptions::loop)
      .def_rw("realtime", &OpenOptions::realtime)
      .def_rw("live", &OpenOptions::live)
      .def_rw("rendition", &OpenOptions::rendition)
      .def_rw("stream", &OpenOptions::stream)
      .def_rw("decoder_threads", &OpenOptions::decoder_threads)
      .def_rw("decoder", &OpenOptions::decoder)
      .def_rw("on_device", &OpenOptions::on_device)
      .def_rw("settings", &OpenOptions::settings)
      .def_rw("options", &OpenOptions::options);
}

void bind_video_info(nb::module_& module) {
  nb::class_<VideoInfo>(module, "VideoInfo", nb::is_final(), "Properties of an open video source.")
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
      .def_ro("renditions", &VideoInfo::renditions)
      .def_ro("streams", &VideoInfo::streams);
}

media::Cards find_cards(gil::Held& held) {
  return gil::release(held, [] { return media::find_cards(); });
}

}  // namespace

void bind_video_source(nb::module_& module) {
  bind_open_options(module);
  bind_video_info(module);
  nb::class_<MediaVersions>(module, "MediaVersions", nb::is_final(),
                            "Versions, licence and build flags of FFmpeg.")
      .def_ro("avformat", &MediaVersions::avformat)
      .def_ro("avcodec", &MediaVersions::avcodec)
      .def_ro("avutil", &MediaVersions::avutil)
      .def_ro("license", &MediaVersions::license)
      .def_ro("configuration", &MediaVersions::configuration);
  module.def(
      "make_video_source",
      [](const PathName& url, const OpenOptions& options) {
        return make_handle(freshframe::open(url.bytes, options));
      },
      nb::arg("url"), nb::arg("options"));
  module.def(
      "need_first_frame",
      [](const NodeHandle& self) {
        if (auto* const source = self.get().abilities().reconnects) source->need_first_frame();
      },
      nb::arg("node"));
  module.def(
      "is_network_stream", [](const NodeHandle& self) { return self.get().abilities().packets != nullptr; },
      nb::arg("node"));
  module.def("video_url", [](const NodeHandle& self) { return video_source(self).url(); }, nb::arg("node"));
  module.def("video_info", &video_info, nb::arg("node"));
  module.def("media_versions", &media_versions);
  nb::class_<media::CardFacts>(module, "CardFacts", nb::is_final(), "A GPU of this machine.")
      .def_ro("number", &media::CardFacts::number, "The number in `cuda:1`.")
      .def_ro("name", &media::CardFacts::name)
      .def_ro("codecs", &media::CardFacts::codecs, "The codecs that the GPU decodes.");
  nb::class_<media::Cards>(module, "Cards", nb::is_final(), "The GPUs of this machine.")
      .def_ro("cards", &media::Cards::cards)
      .def_ro("driver", &media::Cards::driver, "The driver's version; empty if no driver works.")
      .def_ro("reason", &media::Cards::reason,
              "Why no GPU was found, or why one of them cannot be used; empty otherwise.");
  module.def("find_cards", gil::entry<&find_cards>,
             "Lists the GPUs of this machine and the codecs that they decode. GIL: released");
}

namespace {

std::vector<CameraInfo> list_cameras(gil::Held& held) {
  return gil::release(held, [] { return cameras(); });
}

CameraSettings& get_settings(NodeBase* node) {
  auto* const camera = node->abilities().settings;
  if (camera == nullptr) throw OptionTypeError("not a camera");
  return *camera;
}

void set_in(NodeBase* node, const std::string& name, const std::string& value) {
  get_settings(node).set_setting(name, value);
}

void set_camera(gil::Held& held, const NodeHandle& self, const std::string& name, const std::string& value) {
  self.guard.check("the VideoSource");
  auto* const node = &self.get();
  gil::release(held, &set_in, node, name, value);
}

std::string setting_in(NodeBase* node, const std::string& name) {
  return get_settings(node).setting(name);
}

std::string camera_setting(gil::Held& held, const NodeHandle& self, const std::string& name) {
  self.guard.check("the VideoSource");
  auto* const node = &self.get();
  return gil::release(held, &setting_in, node, name);
}

std::vector<CameraControl> controls_in(NodeBase* node) {
  const auto* const camera = node->abilities().settings;
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
                         "An image size that a camera supports, or a range of sizes with a step, and the "
                         "frame rates for it.")
      .def_ro("width", &CameraSize::width, "Width in pixels; for a range, the largest.")
      .def_ro("height", &CameraSize::height)
      .def_ro("min_width", &CameraSize::min_width, "Smallest width of a range.")
      .def_ro("min_height", &CameraSize::min_height)
      .def_ro("step_width", &CameraSize::step_width, "Step of a range of widths; 0 for a single size.")
      .def_ro("step_height", &CameraSize::step_height)
      .def_ro("fps", &CameraSize::fps, "Frames per second, highest first.")
      .def_ro("fps_range", &CameraSize::fps_range,
              "True if `fps` is the highest and the lowest rate of a range.");
  nb::class_<CameraFormat>(module, "CameraFormat", nb::is_final(), "A pixel format of a camera.")
      .def_ro("name", &CameraFormat::name)
      .def_ro("description", &CameraFormat::description)
      .def_ro("supported", &CameraFormat::supported)
      .def_ro("sizes", &CameraFormat::sizes);
  nb::class_<CameraControl>(module, "CameraControl", nb::is_final(), "A control of a camera.")
      .def_ro("name", &CameraControl::name, "The driver's name of the control.")
      .def_ro("min", &CameraControl::min)
      .def_ro("max", &CameraControl::max)
      .def_ro("step", &CameraControl::step)
      .def_ro("default", &CameraControl::standard)
      .def_ro("current", &CameraControl::current)
      .def_ro("setting", &CameraControl::setting,
              "The option of open() that sets this control; empty if there is none.")
      .def_ro("automatic", &CameraControl::automatic, "True if that option also accepts \"auto\".")
      .def_ro("inactive", &CameraControl::inactive, "True if an automatic mode currently sets the value.")
      .def_ro("menu", &CameraControl::menu, "Names of the values, if the control is a menu.");
  nb::class_<CameraInfo>(module, "CameraInfo", nb::is_final(), "A local camera.")
      .def_ro("path", &CameraInfo::path)
      .def_ro("name", &CameraInfo::name)
      .def_ro("driver", &CameraInfo::driver)
      .def_ro("bus", &CameraInfo::bus)
      .def_ro("problem", &CameraInfo::problem, "Why the camera cannot be queried or used; empty if it can.")
      .def_ro("problem_code", &CameraInfo::problem_code, "errno of the problem, or 0.")
      .def_ro("formats", &CameraInfo::formats)
      .def_ro("controls", &CameraInfo::controls);
  module.def("cameras", gil::entry<&list_cameras>,
             "Lists the local cameras with their formats, frame rates and controls. GIL: released");
  module.def(
      "is_camera", [](const NodeHandle& self) { return self.get().abilities().settings != nullptr; },
      nb::arg("node"));
  module.def("set_camera", gil::entry<&set_camera>, nb::arg("node"), nb::arg("name"), nb::arg("value"),
             "Sets exposure, gain, focus or white_balance of a camera. GIL: released");
  module.def("camera_controls", gil::entry<&camera_controls>, nb::arg("node"),
             "Returns the controls of a camera; empty for any other source. GIL: released");
  module.def("camera_setting", gil::entry<&camera_setting>, nb::arg("node"), nb::arg("name"),
             "Returns exposure, gain, focus or white_balance of a camera. GIL: released");
}

void bind_demo(nb::module_& module) {
  nb::class_<DemoCircle>(module, "DemoCircle", nb::is_final(),
                         "A circle in the ground truth of demo:circles.")
      .def_ro("id", &DemoCircle::id)
      .def_ro("x", &DemoCircle::x)
      .def_ro("y", &DemoCircle::y)
      .def_ro("r", &DemoCircle::r)
      .def_ro("visible", &DemoCircle::visible);
  nb::class_<media::DemoShape>(module, "DemoShape", nb::is_final(),
                               "A shape in the ground truth of demo:shapes.")
      .def_ro("id", &media::DemoShape::id)
      .def_ro("class_name", &media::DemoShape::class_name)
      .def_ro("x1", &media::DemoShape::x1)
      .def_ro("y1", &media::DemoShape::y1)
      .def_ro("x2", &media::DemoShape::x2)
      .def_ro("y2", &media::DemoShape::y2)
      .def_ro("visible", &media::DemoShape::visible);
  module.def("demo_circles", &demo_circles, nb::arg("url"), nb::arg("seq"));
  module.def("demo_shapes", &media::demo_shapes, nb::arg("url"), nb::arg("seq"));
}

}  // namespace freshframe::python
