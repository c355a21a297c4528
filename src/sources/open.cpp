// open(): checks a URL and its options and creates the source for them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/camera.hpp"
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "media/device/decoder_wish.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/url/source_url.hpp"
#include "sources/camera/v4l2_source.hpp"
#include "sources/demo/demo_source.hpp"
#include "sources/file/file_source.hpp"
#include "sources/network/input/video_choice.hpp"
#include "sources/network/live_source.hpp"
#include "sources/pictures/picture_sequence.hpp"

namespace freshframe {
namespace {

using media::camera_path;
using media::FileSource;
using media::LiveSource;
using media::open_demo;
using media::PictureSequence;
using media::SourceUrl;
using media::UrlKind;
using media::v4l2_options;
using media::V4l2Source;
using media::wanted_quarters;

constexpr int kLargestSide = 32768;  // pixels
constexpr int kMostThreads = 64;
constexpr double kHighestFps = 1000;
constexpr std::size_t kLongestUrl = 4095;  // FFmpeg's MAX_URL_SIZE in bytes, beyond which it truncates

template <class T>
[[noreturn]] void refuse(const std::string& option, const std::string& wanted, const T& got) {
  std::ostringstream text;
  text << option << " must be " << wanted << ", got " << got;
  throw OptionError(text.str());
}

void check_seconds(const std::string& option, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds))
    refuse(option, "a finite number of seconds above 0", seconds);
}

void check_range(const OpenOptions& options) {
  for (const auto& [name, value] : {std::pair("start", options.start), std::pair("end", options.end)}) {
    if (value && !(*value >= 0 && std::isfinite(*value))) refuse(name, "0 or more seconds", *value);
  }
  if (options.stream && *options.stream < 0) refuse("stream", "0 or more", *options.stream);
  const double start = options.start.value_or(0);
  if (options.end && *options.end <= start) {
    std::ostringstream wanted;
    wanted << "after start, which is " << start << " s";
    refuse("end", wanted.str(), *options.end);
  }
}

void check_entries(const std::map<std::string, std::string>& entries) {
  for (const auto& [name, value] : entries) {
    if (name.empty() || name.find('\0') != std::string::npos) {
      throw OptionError("a key of options must not be empty or contain a NUL character");
    }
    if (value.find('\0') != std::string::npos) {  // the value is not shown: it may be a password
      throw OptionError("options[\"" + name + "\"] contains a NUL character, where FFmpeg would cut it off");
    }
  }
}

void check_settings(const std::map<std::string, std::string>& settings) {
  for (const auto& [name, value] : settings) {
    if (std::find(std::begin(kCameraSettings), std::end(kCameraSettings), name) == std::end(kCameraSettings))
      throw OptionError("a camera has no setting '" + name +
                        "', only exposure, gain, focus and white_balance");
  }
}

void check_decoder(const OpenOptions& options) {
  const auto wish = media::DecoderWish::parse(options.decoder);
  if (!options.on_device) return;
  if (wish.kind == media::DecoderWish::Kind::Cpu) {
    throw OptionError(
        "on_device=True keeps frames on the GPU: pass decoder=\"auto\" or \"cuda\", or leave it out");
  }
  if (options.width)
    throw OptionError("on_device=True cannot be combined with size=: frames are scaled in host memory");
  if (options.rotate != 0)
    throw OptionError("on_device=True cannot be combined with rotate=: frames are rotated in host memory");
}

void check(const OpenOptions& options) {
  if (options.width.has_value() != options.height.has_value()) {
    throw OptionError(options.width ? "width was passed without height: pass both"
                                    : "height was passed without width: pass both");
  }
  for (const auto side : {options.width, options.height}) {
    if (side && (*side < 1 || *side > kLargestSide)) refuse("width and height", "1 to 32768 pixels", *side);
  }
  constexpr std::array kRotations = {0, 90, 180, 270};
  if (std::ranges::find(kRotations, options.rotate) == kRotations.end())
    refuse("rotate", "0, 90, 180 or 270 degrees clockwise", options.rotate);
  if (options.fps && !(*options.fps > 0 && *options.fps <= kHighestFps)) {
    refuse("fps", "above 0 and at most 1000", *options.fps);
  }
  if (options.decoder_threads && (*options.decoder_threads < 1 || *options.decoder_threads > kMostThreads)) {
    refuse("decoder_threads", "1 to 64", *options.decoder_threads);
  }
  check_decoder(options);
  check_seconds("open_timeout", options.open_timeout);
  check_seconds("read_timeout", options.read_timeout);
  if (!media::parse_rendition(options.rendition)) {
    refuse("rendition", R"("best", "worst", a height such as "720p", or a number from 0)",
           '"' + options.rendition + '"');
  }
  if (options.frozen_after && !(*options.frozen_after >= 0 && std::isfinite(*options.frozen_after))) {
    refuse("frozen_after", "0 or more seconds", *options.frozen_after);
  }
  if (!std::isfinite(options.clock_offset)) {
    refuse("clock_offset", "a finite number of seconds", options.clock_offset);
  }
  check_range(options);
  check_settings(options.settings);
  check_entries(options.options);
}

// ---- which option applies to which source

/// How a source is read, decided by the kind of URL and, for ambiguous HTTP URLs, by the option `live`.
enum class OpenedAs : std::uint8_t { File, Pictures, Demo, Camera, Stream, HttpStream, Download, Browser };

OpenedAs opened_as(const SourceUrl& url, const OpenOptions& options) {
  switch (url.kind) {
    case UrlKind::File:
      return OpenedAs::File;
    case UrlKind::Pictures:
      return OpenedAs::Pictures;
    case UrlKind::Demo:
      return OpenedAs::Demo;
    case UrlKind::Camera:
      return OpenedAs::Camera;
    case UrlKind::Browser:
      return OpenedAs::Browser;
    case UrlKind::Live:
      break;
  }
  if (!url.is_over_http()) return OpenedAs::Stream;
  return options.live.value_or(true) ? OpenedAs::HttpStream : OpenedAs::Download;
}

std::string_view to_string(OpenedAs form) noexcept {
  switch (form) {
    case OpenedAs::File:
      return "is a file";
    case OpenedAs::Pictures:
      return "is an image sequence";
    case OpenedAs::Demo:
      return "takes its settings in the URL only, as \"demo:circles?fps=60&size=1280x720\"";
    case OpenedAs::Camera:
      return "is a camera";
    case OpenedAs::Stream:
    case OpenedAs::HttpStream:
      return "is a live source";
    case OpenedAs::Download:
      return "is read like a file with live=False";
    case OpenedAs::Browser:
      return "is the camera of a browser";
  }
  return {};
}

/// A bit set of OpenedAs.
using Accepted = unsigned;

constexpr Accepted only(OpenedAs form) {
  return 1U << static_cast<unsigned>(form);
}

constexpr Accepted kStreams = only(OpenedAs::Stream) | only(OpenedAs::HttpStream);
constexpr Accepted kPackets = kStreams | only(OpenedAs::Browser);
constexpr Accepted kLive = kPackets | only(OpenedAs::Camera);
constexpr Accepted kStored = only(OpenedAs::File) | only(OpenedAs::Pictures) | only(OpenedAs::Download);

struct OptionUse {
  std::string_view option;
  bool (*is_given)(const OpenOptions&);
  Accepted forms;           // kinds of source that accept the option
  std::string_view advice;  // completes "OPTION is for ..."
};

template <std::size_t kIndex>
bool has_setting(const OpenOptions& options) {
  return options.settings.contains(kCameraSettings[kIndex]);
}

constexpr std::string_view kCameras = "a camera of this machine, such as 0 or \"/dev/video0\"";
constexpr std::string_view kOthers = "other sources";

constexpr auto kOptionUses = std::to_array<OptionUse>({
    {"live", [](const OpenOptions& o) { return o.live.has_value(); },
     only(OpenedAs::HttpStream) | only(OpenedAs::Download),
     "http:// and https:// URLs, which may name a stream or a file; realtime=True makes a local file live"},
    {"reconnect", [](const OpenOptions& o) { return o.reconnect.value_or(false); }, kLive,
     "live sources; loop=True repeats a file"},
    {"reconnect=False", [](const OpenOptions& o) { return !o.reconnect.value_or(true); },
     ~only(OpenedAs::Browser), "other sources; a browser may leave and return at any time"},
    {"rendition", [](const OpenOptions& o) { return o.rendition != OpenOptions().rendition; }, kStreams,
     "live network streams"},
    {"stream", [](const OpenOptions& o) { return o.stream.has_value(); },
     only(OpenedAs::File) | only(OpenedAs::Download),
     "files; for a live network stream, rendition= chooses the video"},
    {"pace=\"burst\"", [](const OpenOptions& o) { return o.pace == Pace::Burst; }, only(OpenedAs::HttpStream),
     "HLS, an http:// or https:// URL of a live playlist; frames of other live sources are delivered "
     "immediately"},
    {"decode=\"keyframes\"", [](const OpenOptions& o) { return o.decode == Decode::Keyframes; }, kPackets,
     "live network streams; for a file, use options={\"skip_frame\": \"nokey\"} to decode only its "
     "keyframes"},
    {"fps", [](const OpenOptions& o) { return o.fps.has_value(); },
     kStored | only(OpenedAs::Camera) | only(OpenedAs::Browser),
     "cameras and images; a live stream has its own frame rate"},
    {"start", [](const OpenOptions& o) { return o.start.has_value(); }, kStored, "files and images"},
    {"end", [](const OpenOptions& o) { return o.end.has_value(); }, kStored, "files and images"},
    {"exposure", has_setting<0>, only(OpenedAs::Camera), kCameras},
    {"gain", has_setting<1>, only(OpenedAs::Camera), kCameras},
    {"focus", has_setting<2>, only(OpenedAs::Camera), kCameras},
    {"white_balance", has_setting<3>, only(OpenedAs::Camera), kCameras},
    {"size", [](const OpenOptions& o) { return o.width.has_value(); }, ~only(OpenedAs::Demo), kOthers},
    {"decoder_threads", [](const OpenOptions& o) { return o.decoder_threads.has_value(); },
     ~only(OpenedAs::Demo), kOthers},
    {"decoder", [](const OpenOptions& o) { return o.decoder != OpenOptions().decoder; },
     kPackets | only(OpenedAs::File) | only(OpenedAs::Download), "videos in files and network streams"},
    {"options", [](const OpenOptions& o) { return !o.options.empty(); }, ~only(OpenedAs::Demo), kOthers},
});

[[noreturn]] void refuse_use(const SourceUrl& url, OpenedAs form, std::string_view option,
                             std::string_view advice) {
  std::string text = "'" + url.masked + "' ";
  text.append(to_string(form)).append(": ").append(option).append(" is for ").append(advice);
  throw OptionError(text);
}

void check_uses(const SourceUrl& url, OpenedAs form, const OpenOptions& options) {
  for (const auto& use : kOptionUses) {
    if ((use.forms & only(form)) == 0 && use.is_given(options)) refuse_use(url, form, use.option, use.advice);
  }
}

// ---- sources

/// Rejects `realtime` for a demo that is already paced, and `loop` for an endless one.
std::unique_ptr<VideoSource> checked_demo(const SourceUrl& url, const OpenOptions& options) {
  auto source = open_demo(url.given, {.quarters = wanted_quarters(options)});
  if (options.loop && source->info().frame_count) refuse_use(url, OpenedAs::Demo, "loop", kOthers);
  if (options.realtime && !source->live()) refuse_use(url, OpenedAs::Demo, "realtime", kOthers);
  return source;
}

void check_clean(const std::string& url) {
  const bool clean =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > ' ' && c != 0x7F; });
  if (!clean) {  // the URL is not shown: a password containing a space could not be masked
    throw OptionError(
        "the URL of a network stream contains a space, a line break or another control character; write them "
        "as %20, %0A and so on");
  }
  if (url.size() > kLongestUrl) {
    throw OptionError("the URL of a network stream has " + std::to_string(url.size()) +
                      " bytes; FFmpeg would cut it off after 4095 and request another URL");
  }
}

void check_address(const SourceUrl& url) {
  if (url.live.host.empty() && url.live.scheme != "udp") {
    throw OptionError("'" + url.masked + "' has no host; write it as \"" + url.live.scheme +
                      "://host:port/path\"");
  }
  if (url.live.has_odd_port()) {
    throw OptionError("'" + url.masked + "' must have a port of 0 to 65535 after its host; " +
                      std::string(core::kEscapesOfPasswords));
  }
}

}  // namespace

std::string_view to_string(Damaged damaged) noexcept {
  return damaged == Damaged::Hold ? "hold" : "mark";
}

Damaged parse_damaged(std::string_view name) {
  for (const auto each : {Damaged::Mark, Damaged::Hold}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("damaged must be \"mark\" or \"hold\", got \"" + std::string(name) + "\"");
}

std::string_view to_string(Decode decode) noexcept {
  return decode == Decode::Keyframes ? "keyframes" : "all";
}

Decode parse_decode(std::string_view name) {
  for (const auto each : {Decode::All, Decode::Keyframes}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("decode must be \"all\" or \"keyframes\", got \"" + std::string(name) + "\"");
}

std::string_view to_string(Pace pace) noexcept {
  return pace == Pace::Burst ? "burst" : "even";
}

Pace parse_pace(std::string_view name) {
  for (const auto each : {Pace::Even, Pace::Burst}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("pace must be \"even\" or \"burst\", got \"" + std::string(name) + "\"");
}

std::unique_ptr<VideoSource> open(const std::string& url, const OpenOptions& options) {
  const SourceUrl source(url);
  const auto form = opened_as(source, options);
  check(options);
  check_uses(source, form, options);
  switch (form) {
    case OpenedAs::File:
      break;
    case OpenedAs::Pictures:
      return std::make_unique<PictureSequence>(source, options);
    case OpenedAs::Demo:
      return checked_demo(source, options);
    case OpenedAs::Camera:
      return std::make_unique<V4l2Source>(camera_path(url), v4l2_options(options));
    case OpenedAs::Stream:
    case OpenedAs::HttpStream:
      check_clean(url);
      check_address(source);
      return std::make_unique<LiveSource>(source, options);
    case OpenedAs::Browser:
      return std::make_unique<LiveSource>(source, options);
    case OpenedAs::Download:
      check_clean(url);
      break;
  }
  return std::make_unique<FileSource>(source, options);
}

}  // namespace freshframe
