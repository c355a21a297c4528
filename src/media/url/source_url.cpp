// Determines the kind of source from a URL.
// SPDX-License-Identifier: Apache-2.0
#include "media/url/source_url.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"
#include "core/percent_escape.hpp"
#include "core/url/live_url.hpp"
#include "core/url/masked_url.hpp"
#include "media/url/picture_list.hpp"
#include "platform/machine.hpp"

extern "C" {
#include <libavformat/avio.h>
}

namespace freshframe::media {
namespace {

constexpr std::string_view kSupported =
    "this version opens local files (\"clip.mp4\", \"picture.png\"), image sequences (\"frames/%05d.png\", "
    "\"frames/\", \"frames/*.png\"), network streams (rtsp, rtsps, rtmp, rtmps, srt, rtp, http, https, tcp, "
    "udp), cameras (\"0\", \"/dev/video0\"), the camera of a browser (\"browser:\"), \"demo:circles\" and "
    "\"demo:shapes\"";

/// Rejects "rtsp:/host", "rtsp:host" and "rtsp//host". The message omits the URL, because a password in it
/// could not be told apart from a path.
void check_slashes(const std::string& url) {
  const auto word =
      core::lower_case(std::string_view(url).substr(0, std::min(url.find(':'), url.find("//"))));
  std::error_code ignored;
  if (word.size() == url.size() || !core::is_live_scheme(word) || std::filesystem::exists(url, ignored))
    return;
  throw OptionError("there is no file whose name begins with '" + word + url[word.size()] +
                    "'; a network stream is written \"" + word +
                    "://host/path\", and passed as a str: a pathlib.Path removes one slash");
}

/// Returns "rtsp" for "rtsp://host", or an empty string.
std::string find_scheme(const std::string& url) {
  const auto end = url.find("://");
  if (end == std::string::npos || end == 0) return {};
  const auto word = url.substr(0, end);
  const bool valid = std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '-' || c == '.';
  });
  return valid ? word : std::string();
}

/// Returns true if the words differ by one inserted, deleted or replaced letter, or by two swapped
/// neighbours.
bool differs_by_a_slip(std::string_view one, std::string_view other) {
  if (one.size() > other.size()) std::swap(one, other);
  if (other.size() - one.size() > 1) return false;
  const auto [first, second] = std::ranges::mismatch(one, other);
  const std::string_view rest(first, one.end());
  const std::string_view others(second, other.end());
  if (one.size() < other.size()) return rest == others.substr(1);
  if (rest.empty() || rest.substr(1) == others.substr(1)) return true;
  return rest.size() > 1 && rest[0] == others[1] && rest[1] == others[0] &&
         rest.substr(2) == others.substr(2);
}

/// Returns "did you mean 'rtsp'? " for a misspelt scheme; otherwise an empty string.
std::string meant_scheme(const std::string& scheme) {
  const auto given = core::lower_case(scheme);
  for (const std::string_view each :
       {"rtsp", "rtsps", "rtmp", "rtmps", "srt", "rtp", "http", "https", "tcp", "udp", "file"}) {
    if (differs_by_a_slip(given, each)) return "did you mean '" + std::string(each) + "'? ";
  }
  return {};
}

void check_protocol(const core::LiveUrl& url) {
  if (!core::is_optional_scheme(url.scheme) || avio_find_protocol_name(url.text.c_str()) != nullptr) return;
  throw OptionError("cannot open '" + core::shown_url(url.text) + "': this build of FFmpeg does not have '" +
                    url.scheme + "'");
}

/// Decides by name, since the camera may not be plugged in yet, or else by the type of device.
bool is_camera(const std::string& url) {
  for (const std::string_view prefix : {"", "/dev/video"}) {
    if (url.rfind(prefix, 0) == 0 && core::all_digits(std::string_view(url).substr(prefix.size())))
      return true;
  }
  for (const std::string_view prefix : {"/dev/v4l/by-id/", "/dev/v4l/by-path/"}) {
    if (url.rfind(prefix, 0) == 0 && url.size() > prefix.size()) return true;
  }
  return platform::is_video_device(url);
}

/// "%20" -> " ". Keeps escaped control characters, because "%05d" is a number pattern.
std::string without_escapes(std::string_view text) {
  return core::percent_decoded(text, [](char c) { return static_cast<unsigned char>(c) >= ' '; });
}

/// Makes the scheme lower-case where freshframe reads it itself: schemes are case-insensitive (RFC 3986,
/// 3.1).
std::string with_lower_scheme(std::string url) {
  for (const std::string_view scheme : {"file:", "demo:", "browser:"}) {
    if (core::lower_case(std::string_view(url).substr(0, scheme.size())) == scheme)
      url.replace(0, scheme.size(), scheme);
  }
  return url;
}

/// Returns the path of a local URL: unchanged, without "file:", or decoded from a "file://" URI.
std::string local_path(const std::string& url) {
  constexpr std::string_view kHost = "localhost";
  if (!url.starts_with("file:")) return url;
  if (!url.starts_with("file://")) return url.substr(5);
  std::string_view path = std::string_view(url).substr(7);
  if (path.starts_with(kHost) && path.substr(kHost.size()).starts_with('/')) path.remove_prefix(kHost.size());
  return without_escapes(path);
}

UrlKind find_kind(const std::string& url, const core::LiveUrl& live) {
  if (url.empty()) throw OptionError("cannot open an empty string: " + std::string(kSupported));
  if (url.find('\0') != std::string::npos)
    throw OptionError("cannot open a source whose name contains a NUL character");
  if (url.rfind("demo:", 0) == 0) return UrlKind::Demo;
  if (url.rfind("browser:", 0) == 0) return UrlKind::Browser;
  if (is_camera(url)) return UrlKind::Camera;
  const auto scheme = find_scheme(url);
  if (core::is_live_scheme(live.scheme)) {
    check_protocol(live);
    return UrlKind::Live;
  }
  if (!scheme.empty() && scheme != "file") {
    throw OptionError("cannot open '" + core::shown_url(url) + "': the scheme '" + scheme +
                      "' is not supported; " + meant_scheme(scheme) + std::string(kSupported));
  }
  if (scheme.empty()) check_slashes(url);
  if (names_pictures(local_path(url))) return UrlKind::Pictures;
  return UrlKind::File;
}

}  // namespace

SourceUrl::SourceUrl(const std::string& url)
    : given(with_lower_scheme(url)),
      live(url),
      kind(find_kind(given, live)),
      masked(core::shown_url(kind == UrlKind::Live ? live.text : given)) {}

bool SourceUrl::is_over_http() const {
  return kind == UrlKind::Live && (live.scheme == "http" || live.scheme == "https");
}

std::string SourceUrl::path() const {
  return local_path(given);
}

void check_is_no_url(const std::string& path) {
  if (!core::is_live_scheme(core::LiveUrl(path).scheme)) return;
  throw OptionError(
      "cannot write '" + core::shown_url(path) +
      "': it is the URL of a network stream, not the path of a file; use Publish to send to a media server");
}

}  // namespace freshframe::media
