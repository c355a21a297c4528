// open(): checks a URL and its options and makes the source for them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "media/camera/source.hpp"
#include "media/demo/source.hpp"
#include "media/file/file_source.hpp"
#include "media/network/input/video_choice.hpp"
#include "media/network/live_source.hpp"
#include "media/pictures/picture_sequence.hpp"
#include "media/url/masked_url.hpp"
#include "media/url/source_url.hpp"

namespace freshframe {
namespace {

using media::camera_path;
using media::FileSource;
using media::LiveSource;
using media::LiveUrl;
using media::open_demo;
using media::PictureSequence;
using media::shown_url;
using media::url_kind;
using media::UrlKind;
using media::v4l2_options;
using media::V4l2Source;

constexpr int kLargestSide = 32768;  // pixels
constexpr int kMostThreads = 64;
constexpr double kHighestFps = 1000;
constexpr std::size_t kLongestUrl = 4095;  // bytes: FFmpeg's MAX_URL_SIZE, beyond which it cuts

template <class T>
[[noreturn]] void refuse(const std::string& option, const std::string& wanted, const T& got) {
  std::ostringstream text;
  text << option << " must be " << wanted << ", got " << got;
  throw OptionError(text.str());
}

void check_seconds(const std::string& option, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds)) refuse(option, "a number of seconds above 0", seconds);
}

void check_range(const OpenOptions& options) {
  for (const auto& [name, value] : {std::pair("start", options.start), std::pair("end", options.end)}) {
    if (value && !(*value >= 0 && std::isfinite(*value))) refuse(name, "0 or more seconds", *value);
  }
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
      throw OptionError("the name of an entry of options is empty or has a zero byte in it");
    }
    if (value.find('\0') != std::string::npos) {  // not shown: it may be a password
      throw OptionError("options[\"" + name + "\"] has a zero byte in it, where FFmpeg would cut it off");
    }
  }
}

void check(const OpenOptions& options) {
  if (options.width.has_value() != options.height.has_value()) {
    throw OptionError("width and height must be given both or not at all");
  }
  for (const auto side : {options.width, options.height}) {
    if (side && (*side < 1 || *side > kLargestSide)) refuse("width and height", "1 to 32768 pixels", *side);
  }
  if (options.fps && !(*options.fps > 0 && *options.fps <= kHighestFps)) {
    refuse("fps", "above 0 and at most 1000", *options.fps);
  }
  if (options.decoder_threads && (*options.decoder_threads < 1 || *options.decoder_threads > kMostThreads)) {
    refuse("decoder_threads", "1 to 64", *options.decoder_threads);
  }
  check_seconds("open_timeout", options.open_timeout);
  check_seconds("read_timeout", options.read_timeout);
  if (!media::parse_rendition(options.rendition)) {
    refuse("rendition", R"("best", "worst", a height such as "720p", or a number from 0)",
           '"' + options.rendition + '"');
  }
  if (options.frozen_after && !(*options.frozen_after >= 0 && std::isfinite(*options.frozen_after))) {
    refuse("frozen_after", "0 or more seconds", *options.frozen_after);
  }
  if (!options.remember.empty() && options.frozen_after == 0) {
    throw OptionError("remember keeps what frozen_after looks at: give it a time, or leave remember out");
  }
  if (!std::isfinite(options.clock_offset)) {
    refuse("clock_offset", "a finite number of seconds", options.clock_offset);
  }
  check_range(options);
  check_entries(options.options);
}

/// realtime and loop have no effect on a scene that is paced and endless.
std::unique_ptr<VideoSource> checked_demo(const std::string& url, const OpenOptions& options) {
  auto source = open_demo(url);
  const bool loops = options.loop && source->info().frame_count;
  const bool paced = options.realtime && !source->live();
  if (options.width || options.fps || loops || paced || options.decoder_threads ||
      options.reconnect.value_or(false) || options.start || options.end || !options.options.empty()) {
    throw OptionError(
        "'" + shown_url(url) +
        "' takes its settings in the URL only, as \"demo:circles?fps=60&size=1280x720\": " +
        "size, fps, start, end, loop, realtime, reconnect, decoder_threads and options are for other "
        "sources");
  }
  return source;
}

void check_clean(const std::string& url) {
  const bool clean =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > ' ' && c != 0x7F; });
  if (!clean) {  // not shown: a password with a space in it could not be masked
    throw OptionError(
        "the URL of a network stream has a space, a line break or another control character in it; write "
        "them as %20, %0A and so on");
  }
  if (url.size() > kLongestUrl) {
    throw OptionError("the URL of a network stream has " + std::to_string(url.size()) +
                      " bytes; FFmpeg would cut it off after 4095 and request another URL");
  }
}

void check_live(const std::string& url, const OpenOptions& options) {
  check_clean(url);
  if (options.fps || options.start || options.end) {
    throw OptionError(
        "'" + shown_url(url) +
        "' is a live source, which has its own speed, no beginning and no end: fps, start and end "
        "are for files and pictures");
  }
  if (LiveUrl(url).host.empty() && LiveUrl(url).scheme != "udp") {
    throw OptionError("'" + shown_url(url) + "' names no host; write it as \"rtsp://host:554/path\"");
  }
  if (LiveUrl(url).has_odd_port()) {
    throw OptionError("'" + shown_url(url) +
                      "' has something else than a port of 0 to 65535 after its host; " +
                      std::string(media::kEscapesOfPasswords));
  }
}

bool is_behind_http(const std::string& url, UrlKind kind) {
  if (kind != UrlKind::Live) return false;
  const auto scheme = LiveUrl(url).scheme;
  return scheme == "http" || scheme == "https";
}

/// Whether an http:// URL names a playlist is known once it is open.
void check_pace(const std::string& url, UrlKind kind, const OpenOptions& options) {
  if (options.pace == Pace::Even) return;
  if (!is_behind_http(url, kind)) {
    throw OptionError(
        "'" + shown_url(url) +
        "' is not behind HTTP: pace=\"burst\" is for HLS, an http:// or https:// URL of a playlist; "
        "frames of other live sources come at once as they are");
  }
  if (!options.live.value_or(true)) {
    throw OptionError("'" + shown_url(url) +
                      "' is read like a file with live=False, as fast as it is taken: pace is for live HLS");
  }
}

/// Only what is behind HTTP may be a file or a stream.
void check_live_option(const std::string& url, UrlKind kind, const OpenOptions& options) {
  if (!options.live) return;
  if (!is_behind_http(url, kind)) {
    throw OptionError(
        "'" + shown_url(url) +
        "' is not behind HTTP: live is for http:// and https:// URLs, which may name a stream or a "
        "file; realtime=True makes a local file live");
  }
  if (*options.live) return;
  check_clean(url);
  if (options.reconnect || options.rendition != OpenOptions().rendition) {
    throw OptionError("'" + shown_url(url) +
                      "' is read like a file with live=False: reconnect and rendition are for live sources");
  }
}

}  // namespace

std::string_view to_string(Damaged damaged) noexcept {
  return damaged == Damaged::Hold ? "hold" : "mark";
}

Damaged damaged_of(std::string_view name) {
  for (const auto each : {Damaged::Mark, Damaged::Hold}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("damaged must be \"mark\" or \"hold\", got \"" + std::string(name) + "\"");
}

std::string_view to_string(Decode decode) noexcept {
  return decode == Decode::Keys ? "keys" : "all";
}

Decode decode_of(std::string_view name) {
  for (const auto each : {Decode::All, Decode::Keys}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("decode must be \"all\" or \"keys\", got \"" + std::string(name) + "\"");
}

std::string_view to_string(Pace pace) noexcept {
  return pace == Pace::Burst ? "burst" : "even";
}

Pace pace_of(std::string_view name) {
  for (const auto each : {Pace::Even, Pace::Burst}) {
    if (to_string(each) == name) return each;
  }
  throw OptionError("pace must be \"even\" or \"burst\", got \"" + std::string(name) + "\"");
}

std::unique_ptr<VideoSource> open(const std::string& url, const OpenOptions& options) {
  const auto kind = url_kind(url);
  check(options);
  const bool stream = kind == UrlKind::Live && options.live.value_or(true);
  if (options.frozen_after.value_or(0) > 0 && !stream && kind != UrlKind::Camera) {
    throw OptionError("'" + shown_url(url) +
                      "' is no camera and no live network stream: frozen_after is for those only");
  }
  if (!options.remember.empty() && !stream && kind != UrlKind::Camera) {
    throw OptionError("'" + shown_url(url) +
                      "' is no camera and no live network stream: remember is for those only");
  }
  check_live_option(url, kind, options);
  check_pace(url, kind, options);
  if (options.decode == Decode::Keys && !stream) {
    throw OptionError("'" + shown_url(url) +
                      "' is no live network stream: decode=\"keys\" is for those; of a file, "
                      "options={\"skip_frame\": \"nokey\"} decodes the key pictures only");
  }
  if (kind == UrlKind::Live && !options.live.value_or(true))
    return std::make_unique<FileSource>(url, options);
  if (kind == UrlKind::Live) {
    check_live(url, options);
    return std::make_unique<LiveSource>(url, options);
  }
  if (options.rendition != OpenOptions().rendition) {
    throw OptionError("'" + shown_url(url) + "' is no network stream: rendition is for those only");
  }
  if (kind == UrlKind::Demo) return checked_demo(url, options);
  if (kind == UrlKind::Camera) return std::make_unique<V4l2Source>(camera_path(url), v4l2_options(options));
  if (options.reconnect.value_or(false)) {
    throw OptionError("'" + shown_url(url) +
                      "' is a file: reconnect is for live sources, loop=True starts a file again");
  }
  if (kind == UrlKind::Pictures) return std::make_unique<PictureSequence>(url, options);
  return std::make_unique<FileSource>(url, options);
}

}  // namespace freshframe
