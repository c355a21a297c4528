// Native nodes for Python: factories whose typed classes, defaults and documentation are in the package.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/camera.hpp"
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/engine.hpp"
#include "bindings/fork_guard.hpp"
#include "bindings/idle_finders.hpp"
#include "bindings/python_free_types.hpp"
#include "bindings/value.hpp"
#include "core/frame/frame_access.hpp"
#include "media/demo/scene.hpp"
#include "media/file/video_file_codec.hpp"
#include "vision/draw/label.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::gil {

template <>
inline constexpr bool python_free<CircleTracker> = true;
template <>
inline constexpr bool python_free<ClipRecorder> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> handle(std::unique_ptr<NodeBase> node) {
  auto result = std::make_unique<NodeHandle>();
  result->node = std::move(node);
  return result;
}

// An option of open(); `wanted` is for the message.
template <class T>
T option(const nb::dict& options, const char* name, const char* wanted) {
  const nb::object given = options[name];
  T value{};
  if (!nb::try_cast(given, value)) {
    throw OptionTypeError(std::string("open() needs ") + name + " to be " + wanted + ", got " +
                          nb::repr(given).c_str());
  }
  return value;
}

std::unique_ptr<NodeHandle> make_video_source(const std::string& url, const nb::dict& options) {
  OpenOptions parsed;
  if (const auto size =
          option<std::optional<std::pair<int, int>>>(options, "size", "(width, height) in pixels or None")) {
    parsed.width = size->first;
    parsed.height = size->second;
  }
  parsed.fps = option<std::optional<double>>(options, "fps", "a number or None");
  parsed.start = option<std::optional<double>>(options, "start", "a number of seconds or None");
  parsed.end = option<std::optional<double>>(options, "end", "a number of seconds or None");
  parsed.open_timeout = option<double>(options, "open_timeout", "a number of seconds");
  parsed.read_timeout = option<double>(options, "read_timeout", "a number of seconds");
  parsed.reconnect = option<std::optional<bool>>(options, "reconnect", "True, False or None");
  parsed.loop = option<bool>(options, "loop", "True or False");
  parsed.realtime = option<bool>(options, "realtime", "True or False");
  parsed.decoder_threads = option<std::optional<int>>(options, "decoder_threads", "an int or None");
  parsed.options =
      option<std::map<std::string, std::string>>(options, "options", "a mapping of text to text");
  return handle(freshframe::open(url, parsed));
}

VideoSource& video_source(const NodeHandle& self) {
  auto* source = dynamic_cast<VideoSource*>(&self.get());
  if (source == nullptr) throw OptionTypeError("not a video source");
  return *source;
}

nb::tuple video_info(const NodeHandle& self) {
  const auto info = video_source(self).info();
  if (info.width == 0) {
    throw StateError(
        "the info of '" + video_source(self).url() +
        "' is not known yet: it is once the pipeline has started and, with a network stream, the "
        "first frame has arrived; freshframe.probe(url) returns it without a pipeline");
  }
  return nb::make_tuple(info.codec, info.width, info.height, info.fps, info.frame_count, info.duration,
                        info.pixel_format, info.container, info.interlaced);
}

nb::dict size_dict(const CameraSize& size) {
  nb::dict result;
  result["width"] = size.width;
  result["height"] = size.height;
  if (size.step_width > 0) {
    result["smallest"] = nb::make_tuple(size.min_width, size.min_height);
    result["step"] = nb::make_tuple(size.step_width, size.step_height);
  }
  result["fps"] = size.fps;
  result["fps_range"] = size.fps_range;
  return result;
}

nb::dict camera_dict(const CameraInfo& camera) {
  nb::dict result;
  result["path"] = camera.path;
  result["name"] = camera.name;
  result["driver"] = camera.driver;
  result["bus"] = camera.bus;
  result["problem"] = camera.problem;
  result["problem_code"] = camera.problem_code;
  nb::list formats;
  for (const auto& format : camera.formats) {
    nb::dict entry;
    entry["format"] = format.name;
    entry["description"] = format.description;
    entry["supported"] = format.supported;
    nb::list sizes;
    for (const auto& size : format.sizes) sizes.append(size_dict(size));
    entry["sizes"] = sizes;
    formats.append(entry);
  }
  result["formats"] = formats;
  return result;
}

nb::list list_cameras(gil::Held& held) {
  nb::list result;
  for (const auto& camera : gil::release(held, [] { return cameras(); })) result.append(camera_dict(camera));
  return result;
}

std::unique_ptr<NodeHandle> make_mock_camera(nb::object picture, double fps) {
  if (Frame frame; nb::try_cast(picture, frame, false)) {
    return handle(std::make_unique<MockCamera>(core::FrameAccess::engine(of_this_process(frame)), fps));
  }
  return handle(std::make_unique<MockCamera>(nb::cast<std::string>(picture), fps));
}

CircleDetectorOptions detector_options(std::pair<float, float> radius, int max_circles, float min_confidence,
                                       bool concentric = false) {
  return {.min_radius = radius.first,
          .max_radius = radius.second,
          .max_circles = max_circles,
          .min_confidence = min_confidence,
          .concentric = concentric};
}

std::unique_ptr<NodeHandle> make_circle_detector(std::pair<float, float> radius, int max_circles,
                                                 float min_confidence, bool concentric) {
  return handle(
      std::make_unique<CircleDetector>(detector_options(radius, max_circles, min_confidence, concentric)));
}

std::unique_ptr<NodeHandle> make_circle_tracker(std::pair<float, float> radius, int max_circles,
                                                double max_gap, double full_every) {
  CircleTrackerOptions options;
  options.detector = detector_options(radius, max_circles, options.detector.min_confidence);
  options.max_gap = max_gap;
  options.full_every = full_every;
  return handle(std::make_unique<CircleTracker>(options));
}

std::unique_ptr<NodeHandle> make_video_file(const std::string& path, const std::string& codec,
                                            std::optional<double> fps, int quality,
                                            std::map<std::string, std::string> options,
                                            std::optional<double> segment) {
  return handle(std::make_unique<VideoFile>(path, VideoFileOptions{.codec = codec,
                                                                   .fps = fps,
                                                                   .quality = quality,
                                                                   .options = std::move(options),
                                                                   .segment = segment}));
}

std::unique_ptr<NodeHandle> make_clip_recorder(double before, double after, const std::string& codec,
                                               int quality, std::size_t max_bytes,
                                               std::map<std::string, std::string> options) {
  return handle(std::make_unique<ClipRecorder>(ClipOptions{.before = before,
                                                           .after = after,
                                                           .codec = codec,
                                                           .quality = quality,
                                                           .max_bytes = max_bytes,
                                                           .options = std::move(options)}));
}

ClipRecorder& clip_recorder(const NodeHandle& self) {
  self.guard.check("the ClipRecorder");
  auto* recorder = dynamic_cast<ClipRecorder*>(&self.get());
  if (recorder == nullptr) throw OptionTypeError("not a clip recorder");
  return *recorder;
}

void save_clip(gil::Held& held, const NodeHandle& self, const std::string& path, std::optional<double> at) {
  gil::release(
      held,
      [](ClipRecorder* recorder, const std::string& name, std::optional<double> event) {
        recorder->save(name, event);
      },
      &clip_recorder(self), path, at);
}

nb::object detect_circles(gil::Held& held, nb::object image, std::pair<float, float> radius, int max_circles,
                          float min_confidence, bool concentric) {
  const auto frame = gray_from_array(held, std::move(image), "detect_circles");
  const auto options = detector_options(radius, max_circles, min_confidence, concentric);
  auto found = gil::release(
      held,
      [](const Frame& picture, const CircleDetectorOptions& chosen) {
        return IdleFinders::instance().find(picture.luma(), chosen);
      },
      frame, options);
  Circles circles;
  circles.circles = std::move(found);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
}

nb::object update_circle_tracker(gil::Held& held, NodeHandle& self, nb::object image, double time) {
  auto* const tracker = dynamic_cast<CircleTracker*>(self.node.get());
  if (tracker == nullptr) {
    throw StateError(
        "this CircleTracker is a node of a pipeline, which calls it: make another one for update()");
  }
  const auto frame = gray_from_array(held, std::move(image), "CircleTracker.update()");
  auto circles = gil::release(
      held, [](CircleTracker* of, const Frame& picture, double at) { return of->update(picture, at); },
      tracker, frame, time);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
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
      held, [](const Frame& picture, const std::string& name) { write_picture(picture, name); }, frame, path);
}

nb::list truth(const std::string& url, std::int64_t seq) {
  nb::list result;
  for (const auto& circle : demo_truth(url, seq)) {
    result.append(nb::make_tuple(circle.id, circle.x, circle.y, circle.r, circle.visible));
  }
  return result;
}

nb::list truth_of_shapes(const std::string& url, std::int64_t seq) {
  nb::list result;
  for (const auto& shape : media::demo_shapes(url, seq)) {
    result.append(
        nb::make_tuple(shape.id, shape.name, shape.x1, shape.y1, shape.x2, shape.y2, shape.visible));
  }
  return result;
}

nb::dict versions() {
  const auto known = media_versions();
  nb::dict result;
  result["avformat"] = known.avformat;
  result["avcodec"] = known.avcodec;
  result["avutil"] = known.avutil;
  result["license"] = known.license;
  result["configuration"] = known.configuration;
  return result;
}

/// A line of text as (H, W) uint8: the share of each pixel that the letters cover.
nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<2>> text_mask(const std::string& text, double height) {
  auto drawn = std::make_unique<vision::Lettering>(vision::lettering(text, height));
  std::uint8_t* const data = drawn->mask.data();
  const std::array shape = {static_cast<std::size_t>(drawn->height), static_cast<std::size_t>(drawn->width)};
  const nb::capsule owner(drawn.release(),
                          [](void* object) noexcept { delete static_cast<vision::Lettering*>(object); });
  return {data, shape.size(), shape.data(), owner};
}

}  // namespace

void bind_nodes(nb::module_& module) {
  module.def("make_video_source", &make_video_source, nb::arg("url"), nb::arg("options"));
  module.def("video_url", [](const NodeHandle& self) { return video_source(self).url(); }, nb::arg("node"));
  module.def("video_info", &video_info, nb::arg("node"));
  module.def("make_mock_camera", &make_mock_camera, nb::arg("picture"), nb::arg("fps"));
  module.def("make_circle_detector", &make_circle_detector, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("min_confidence"), nb::arg("concentric"));
  module.def("detect_circles", gil::entry<&detect_circles>, nb::arg("image").none(), nb::arg("radius"),
             nb::arg("max_circles"), nb::arg("min_confidence"), nb::arg("concentric"),
             nb::sig("def detect_circles(image: typing.Any, radius: tuple[float, float], max_circles: int, "
                     "min_confidence: float, concentric: bool) -> freshframe.results.Circles"),
             "GIL: released");
  module.def("make_circle_tracker", &make_circle_tracker, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("max_gap"), nb::arg("full_every"));
  module.def("update_circle_tracker", gil::entry<&update_circle_tracker>, nb::arg("tracker"),
             nb::arg("image").none(), nb::arg("time"),
             nb::sig("def update_circle_tracker(tracker: NodeHandle, image: typing.Any, time: float) -> "
                     "freshframe.results.Circles"),
             "GIL: released");
  module.def("text_mask", &text_mask, nb::arg("text"), nb::arg("height"),
             "A line of anti-aliased text as the coverage of each pixel, 0 to 255.");
  module.def("make_video_file", &make_video_file, nb::arg("path"), nb::arg("codec"), nb::arg("fps").none(),
             nb::arg("quality"), nb::arg("options"), nb::arg("segment").none());
  module.def("video_file_codec", &media::video_file_codec, nb::arg("path"), nb::arg("codec"),
             "The codec of a file that make_video_file() accepts.");
  module.def("make_clip_recorder", &make_clip_recorder, nb::arg("before"), nb::arg("after"), nb::arg("codec"),
             nb::arg("quality"), nb::arg("max_bytes"), nb::arg("options"));
  module.def("save_clip", gil::entry<&save_clip>, nb::arg("recorder"), nb::arg("path"), nb::arg("at").none(),
             "GIL: released");
  module.def(
      "clips_in_writing", [](const NodeHandle& self) { return clip_recorder(self).writing(); },
      nb::arg("recorder"));
  module.def("read_picture", gil::entry<&load_picture>, nb::arg("path"), nb::arg("at").none(),
             "GIL: released");
  module.def("write_picture", gil::entry<&save_picture>, nb::arg("frame"), nb::arg("path"), "GIL: released");
  module.def("demo_truth", &truth, nb::arg("url"), nb::arg("seq"));
  module.def("demo_shapes", &truth_of_shapes, nb::arg("url"), nb::arg("seq"));
  module.def("cameras", gil::entry<&list_cameras>, nb::sig("def cameras() -> list[dict[str, typing.Any]]"),
             "The cameras of this machine with their formats and rates. GIL: released");
  module.def("media_versions", &versions, "FFmpeg's versions, licence and build flags.");
}

}  // namespace freshframe::python
