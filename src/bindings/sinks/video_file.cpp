// Sinks of encoded video: VideoFile and ClipRecorder, which write files, and Publish, which sends to media
// servers.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/media.hpp"
#include "freshframe/publish.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "bindings/border/path_name.hpp"
#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/file_claim.hpp"
#include "sinks/recording/encoding.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace freshframe::python {
namespace {

/// `why`: who uses the file, if it could not be claimed.
struct ClaimOutcome {
  std::optional<core::WriteClaim> claim;
  const char* why;
};

}  // namespace
}  // namespace freshframe::python

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::python::ClaimOutcome> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::core::WriteClaim> = true;
template <>
inline constexpr bool freshframe::gil::python_free<std::optional<freshframe::Segment>> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::VideoFile> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::ClipRecorder> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// Options of an encoder, already checked by the package.
template <class Options>
Options encoding(const nb::dict& given) {
  Options options;
  options.codec = nb::cast<std::string>(given["codec"]);
  options.crf = nb::cast<int>(given["crf"]);
  options.preset = parse_encoder_preset(nb::cast<std::string>(given["preset"]));
  options.options = nb::cast<std::map<std::string, std::string>>(given["options"]);
  return options;
}

/// VideoFileOptions::keep_days, keep_bytes and keep_free_bytes, which the package has checked.
using KeepLimits =
    std::tuple<std::optional<double>, std::optional<std::uint64_t>, std::optional<std::uint64_t>>;

/// VideoFileOptions::fps and every.
using Rate = std::tuple<std::optional<double>, std::optional<double>>;

// NOLINTNEXTLINE(readability-function-size): the options of one call
std::unique_ptr<NodeHandle> make_video_file(const PathName& path, const nb::dict& given, const Rate& rate,
                                            std::optional<double> segment_every, const KeepLimits& keep,
                                            bool reports_segments) {
  auto options = encoding<VideoFileOptions>(given);
  std::tie(options.fps, options.every) = rate;
  options.segment_every = segment_every;
  options.reports_segments = reports_segments;
  std::tie(options.keep_days, options.keep_bytes, options.keep_free_bytes) = keep;
  return make_handle(std::make_unique<VideoFile>(path.bytes, options));
}

/// ClipOptions::keep_bytes and keep_names.
using ClipLimits = std::pair<std::optional<std::uint64_t>, PathName>;

std::unique_ptr<NodeHandle> make_clip_recorder(double before, double after, std::size_t max_bytes,
                                               const ClipLimits& keep, const nb::dict& given) {
  auto options = encoding<ClipOptions>(given);
  options.before = before;
  options.after = after;
  options.max_bytes = max_bytes;
  options.keep_bytes = keep.first;
  options.keep_names = keep.second.bytes;
  return make_handle(std::make_unique<ClipRecorder>(options));
}

ClipRecorder& clip_recorder(const NodeHandle& self) {
  self.guard.check("the ClipRecorder");
  return node_as<ClipRecorder>(self, "a clip recorder");
}

void save_in(ClipRecorder* recorder, const std::string& path, std::optional<double> pts) {
  recorder->save(path, pts);
}

void save_clip(gil::Held& held, const NodeHandle& self, const PathName& path, std::optional<double> pts) {
  auto* const recorder = &clip_recorder(self);
  gil::release(held, &save_in, recorder, path.bytes, pts);
}

nb::list clips_in_writing(const NodeHandle& self) {
  nb::list paths;
  for (const auto& path : clip_recorder(self).writing()) paths.append(python_path(path));
  return paths;
}

/// The arguments of the package's class Segment.
nb::object next_segment(gil::Held& held, const NodeHandle& self) {
  self.guard.check("the VideoFile");
  auto* const file = &node_as<VideoFile>(self, "a video file");
  const auto found = gil::release(held, [](VideoFile* recorder) { return recorder->next_segment(); }, file);
  if (!found) return nb::none();
  return nb::make_tuple(python_path(found->path), found->first_pts, found->last_pts, found->first_utc,
                        found->last_utc, std::string(to_string(found->utc_from)), found->size_bytes,
                        found->frames, found->damaged, nb::tuple(nb::cast(found->gaps)));
}

/// Options already checked by the package.
PublishOptions publish_options(const nb::dict& given) {
  auto options = encoding<PublishOptions>(given);
  options.keyframe_every = nb::cast<double>(given["keyframe_every"]);
  options.max_wait = nb::cast<double>(given["max_wait"]);
  options.timeout = nb::cast<double>(given["timeout"]);
  return options;
}

std::unique_ptr<NodeHandle> make_publish(const std::string& url, const nb::dict& given) {
  return make_handle(std::make_unique<Publish>(url, publish_options(given)));
}

ClaimOutcome try_claim(platform::FileNumber number) {
  platform::FileFacts facts;
  if (platform::look(number, facts) != 0) return {.claim = std::nullopt, .why = "the file is not open"};
  const core::OpenedFile file{.number = number, .id = facts.id};
  const char* why = nullptr;
  auto claim = core::WriteClaim::try_claim(file, core::WriteClaim::Purpose::Write, why);
  return {.claim = std::move(claim), .why = why};
}

/// Returns the claim, or a string that says who uses the file.
nb::object claim_file(gil::Held& held, int descriptor) {
  auto outcome = gil::release(held, &try_claim, descriptor);
  if (!outcome.claim) return nb::str(outcome.why);
  return nb::cast(std::make_unique<core::WriteClaim>(*std::move(outcome.claim)));
}

/// Returns who writes an open file, or nullopt if nobody does.
std::optional<std::string> find_writer(gil::Released& /*released*/, platform::FileNumber number) {
  platform::FileFacts facts;
  if (platform::look(number, facts) != 0) return std::nullopt;
  const char* const writer = core::find_writer({.number = number, .id = facts.id});
  return writer == nullptr ? std::nullopt : std::optional<std::string>(writer);
}

void release_claim(core::WriteClaim* claim) {
  claim->release();
}

void release_file(gil::Held& held, core::WriteClaim& claim) {
  gil::release(held, &release_claim, &claim);
}

std::string publish_url(const NodeHandle& self) {
  self.guard.check("the Publish");
  return node_as<Publish>(self, "a Publish").url();
}

}  // namespace

void bind_recorders(nb::module_& module) {
  module.def("make_video_file", &make_video_file, nb::arg("path"), nb::arg("encoding"), nb::arg("rate"),
             nb::arg("segment_every").none(), nb::arg("keep"), nb::arg("reports_segments"));
  module.def(
      "next_segment", gil::entry<&next_segment>, nb::arg("recorder"),
      "Waits for the next finished segment. Returns None once the recorder is closed. GIL: released while "
      "waiting");
  module.def(
      "video_file_codec",
      [](const PathName& path, const std::string& codec) {
        return media::video_file_codec(path.bytes, codec);
      },
      nb::arg("path"), nb::arg("codec"), "Returns the codec of the file that make_video_file() would write.");
  module.def("make_clip_recorder", &make_clip_recorder, nb::arg("before"), nb::arg("after"),
             nb::arg("max_bytes"), nb::arg("keep"), nb::arg("encoding"));
  module.def("save_clip", gil::entry<&save_clip>, nb::arg("recorder"), nb::arg("path"), nb::arg("pts").none(),
             "GIL: released");
  nb::class_<core::WriteClaim>(module, "WriteClaim",
                               "The right to write a regular file, held until it is released or destroyed.")
      .def("release", gil::entry<&release_file>,
           "Releases the claim; must be called before the file is closed. Idempotent. GIL: released")
      .def_prop_ro(
          "is_locked", &core::WriteClaim::is_locked,
          "False if the file system does not support locks, so that another program may write the file at "
          "the same time.");
  module.def("claim_file", gil::entry<&claim_file>, nb::arg("descriptor"),
             nb::sig("def claim_file(descriptor: int) -> WriteClaim | str"),
             "Claims an open regular file for writing. If it is in use, returns the reason as a string. GIL: "
             "released");
  module.def("find_writer", gil::entry<&find_writer>, nb::arg("descriptor"),
             "Returns a description of the writer of an open regular file, or None. GIL: released");
  module.def("clips_in_writing", &clips_in_writing, nb::arg("recorder"));
}

void bind_publish(nb::module_& module) {
  module.def("make_publish", &make_publish, nb::arg("url"), nb::arg("options"));
  module.def("publish_url", &publish_url, nb::arg("node"), "Returns the URL with its password masked.");
}

}  // namespace freshframe::python
