// Parses a camera's path and the options of the camera reader.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/options.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "sources/camera/controls.hpp"
#include "sources/camera/format.hpp"

namespace freshframe::media {
namespace {

constexpr int kFewestBuffers = 2;
constexpr int kMostBuffersAsked = 32;
constexpr int kLastCamera = 255;  // Linux: VIDEO_NUM_DEVICES of drivers/media/v4l2-core/v4l2-dev.c

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto* end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): `end` is the size
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace

std::string camera_path(const std::string& url) {
  const bool number = std::all_of(url.begin(), url.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return url;
  if (whole_number(url).value_or(kLastCamera + 1) > kLastCamera)
    throw OptionError("a camera's number must be 0 to " + std::to_string(kLastCamera) + ", got " + url);
  return "/dev/video" + url;
}

V4l2Options v4l2_options(const OpenOptions& options) {
  V4l2Options result{.wish = {.width = options.width, .height = options.height, .fps = options.fps},
                     .quarters = wanted_quarters(options),
                     .decoder_threads = options.decoder_threads.value_or(1),
                     .reconnect = make_reconnect(options),
                     .open_timeout = options.open_timeout,
                     .read_timeout = options.read_timeout,
                     .frozen_after = options.frozen_after,
                     .clock_offset = options.clock_offset,
                     .decoder = options.options};
  result.wish.lies = Turn{.quarters = result.quarters}.lies();
  if (result.wish.lies) std::swap(result.wish.width, result.wish.height);
  if (const auto entry = result.decoder.extract("format")) {
    const auto* format = readable_format(std::string_view(entry.mapped()));
    if (format == nullptr) {
      throw OptionError("a camera's format must be one of " + readable_format_names() + ", got '" +
                        entry.mapped() + "'");
    }
    result.wish.code = format->code;
  }
  if (const auto entry = result.decoder.extract("buffers")) {
    const auto count = whole_number(entry.mapped());
    if (!count || *count < kFewestBuffers || *count > kMostBuffersAsked) {
      throw OptionError("a camera's buffers must be 2 to 32, got '" + entry.mapped() + "'");
    }
    result.buffers = *count;
  }
  result.settings = options.settings;
  for (const auto* name : kCameraSettings) {
    if (const auto entry = result.decoder.extract(name)) {
      result.settings.emplace(name, entry.mapped());
    }
  }
  for (const auto& [name, value] : result.settings) check_setting(name, value);
  return result;
}

}  // namespace freshframe::media
