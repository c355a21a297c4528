// What a source's URL names, and URLs without their passwords.
// SPDX-License-Identifier: Apache-2.0
#include "media/url.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "media/file/picture_list.hpp"
#include "media/network/url.hpp"
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace freshframe {
namespace {

constexpr std::string_view kSupported =
    "this version opens local files (\"clip.mp4\", \"picture.png\"), pictures in sequence "
    "(\"frames/%05d.png\", \"frames/\", \"frames/*.png\"), network streams (rtsp, rtsps, http, https, tcp, "
    "udp), cameras (\"0\", \"/dev/video0\") and \"demo:circles\"";

/// "rtsp:/host" or "rtsp:host", which no file is called. Not shown: its password could not be told from a
/// path.
void check_slashes(const std::string& url) {
  auto word = url.substr(0, url.find(':'));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  struct stat status{};
  if (word.size() == url.size() || !is_live_scheme(word) || ::stat(url.c_str(), &status) == 0) return;
  throw OptionError("there is no file whose name begins with '" + word +
                    ":'; a network stream is written \"" + word +
                    "://host/path\", and as text: a pathlib.Path takes one slash away");
}

/// What a URL in a text ends at for sure: a quote may be a part of a password.
constexpr std::string_view kSpaces = " \t\r\n";

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

/// "rtsp" of "rtsp://host"; empty when there is none.
std::string scheme_of(const std::string& url) {
  const auto end = url.find("://");
  if (end == std::string::npos || end == 0) return {};
  const auto word = url.substr(0, end);
  const bool valid = std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '-' || c == '.';
  });
  return valid ? word : std::string();
}

/// By its name, as it may not be plugged in yet, or a device of that kind under another name.
bool is_camera(const std::string& url) {
  for (const std::string_view prefix : {"", "/dev/video"}) {
    if (url.rfind(prefix, 0) == 0 && all_digits(std::string_view(url).substr(prefix.size()))) return true;
  }
  for (const std::string_view prefix : {"/dev/v4l/by-id/", "/dev/v4l/by-path/"}) {
    if (url.rfind(prefix, 0) == 0 && url.size() > prefix.size()) return true;
  }
  constexpr unsigned kVideoDevices = 81;  // Documentation/admin-guide/devices.txt of Linux
  struct stat status{};
  return ::stat(url.c_str(), &status) == 0 && S_ISCHR(status.st_mode) &&
         major(status.st_rdev) == kVideoDevices;
}

/// `text` ends with "http://" or "https://", in small or capital letters.
bool is_http(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.size() < scheme.size()) continue;
    const auto end = text.substr(text.size() - scheme.size());
    if (std::equal(end.begin(), end.end(), scheme.begin(),
                   [](unsigned char a, char b) { return std::tolower(a) == b; })) {
      return true;
    }
  }
  return false;
}

/// Where the password of the URL whose "://" ends at `begin` lies: [first, last), or nothing. One with an
/// unescaped '/', '?' or '@' in it cannot be told from a path with an '@': then all up to the last '@' counts
/// as the password.
std::pair<std::size_t, std::size_t> password_span(std::string_view text, std::size_t begin) {
  const auto end = std::min(text.find_first_of(kSpaces, begin), text.size());
  const auto url = text.substr(begin, end - begin);
  const auto authority = url.substr(0, url.find_first_of("/?#"));
  const auto colon = authority.find(':');
  const auto user_end = authority.rfind('@');
  if (colon == std::string_view::npos || (user_end != std::string_view::npos && colon > user_end)) {
    // A name alone, which is none over HTTP: "https://token@host/".
    const bool token = is_http(text.substr(0, begin)) && user_end != std::string_view::npos;
    return token ? std::pair(begin, begin + user_end) : std::pair(std::size_t{0}, std::size_t{0});
  }
  const auto host = user_end == std::string_view::npos ? 0 : user_end + 1;
  const bool before_port = authority[host] == '[' || all_digits(authority.substr(colon + 1));
  if (colon >= host && before_port) return {0, 0};
  const auto at = url.rfind('@');
  if (at == std::string_view::npos || at < colon) return {0, 0};
  return {begin + colon + 1, begin + at};
}

/// Parameters such as "pwd=secret", "loginpas=secret" or "access_token=secret", as cameras have them.
bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords{"pas",  "pw",  "token",   "secret", "key",
                                                   "auth", "sig", "session", "jwt"};
  constexpr std::array<std::string_view, 3> kWhole{"p", "sid", "pin"};
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kWhole.begin(), kWhole.end(), small) != kWhole.end() ||
         std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return small.find(word) != std::string::npos; });
}

/// The values of secret parameters, masked: "?pwd=a", and "/user=joe_password=a_channel=1" as well, which
/// some cameras have as their path. All up to the next '&', '#' or space is the value.
std::string mask_parameters(const std::string& text) {
  std::string masked;
  std::size_t done = 0;
  for (auto equals = text.find('='); equals != std::string::npos; equals = text.find('=', equals + 1)) {
    const auto scheme = text.rfind("://", equals);
    if (equals < done || scheme == std::string::npos || text.find_first_of(kSpaces, scheme) < equals)
      continue;
    const auto name = text.find_last_of("?&;,/=", equals - 1) + 1;
    if (!is_secret(std::string_view(text).substr(name, equals - name))) continue;
    auto end = std::min(text.find_first_of("&# \t\r\n", equals + 1), text.size());
    end = std::max(text.find_last_not_of("'\":,.;)>", end - 1) + 1, equals + 1);  // of the sentence around it
    masked += text.substr(done, equals + 1 - done) + "***";
    done = end;
  }
  return masked + text.substr(done);
}

std::string mask_once(std::string_view text) {
  std::string masked;
  std::size_t done = 0;
  for (auto at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const auto [first, last] = password_span(text, at + 3);
    if (first == last || first < done) continue;
    masked += text.substr(done, first - done);
    masked += "***";
    done = last;
  }
  masked += text.substr(done);
  return mask_parameters(masked);
}

}  // namespace

UrlKind url_kind(const std::string& url) {
  if (url.empty()) throw OptionError("cannot open a source without a name: " + std::string(kSupported));
  if (url.find('\0') != std::string::npos)
    throw OptionError("cannot open a source whose name has a zero byte in it");
  if (url.rfind("demo:", 0) == 0) return UrlKind::Demo;
  if (is_camera(url)) return UrlKind::Camera;
  const auto scheme = scheme_of(url);
  if (is_live_scheme(LiveUrl(url).scheme)) return UrlKind::Live;
  if (!scheme.empty() && scheme != "file") {
    throw OptionError("cannot open '" + mask_passwords(url) + "': '" + scheme + "' is not supported yet; " +
                      std::string(kSupported));
  }
  if (scheme.empty()) check_slashes(url);
  if (names_pictures(local_path(url))) return UrlKind::Pictures;
  return UrlKind::File;
}

std::string local_path(const std::string& url) {
  for (const std::string_view prefix : {"file://", "file:"}) {
    if (url.rfind(prefix, 0) == 0) return url.substr(prefix.size());
  }
  return url;
}

std::string mask_passwords(std::string_view text) {
  auto masked = mask_once(text);
  // What is left may read as another URL once a part of it is masked.
  for (auto again = mask_once(masked); again != masked; again = mask_once(masked)) masked = std::move(again);
  return masked;
}

}  // namespace freshframe
