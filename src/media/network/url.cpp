// The parts of a network source's URL that decide how it is opened.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/url.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace freshframe {

LiveUrl::LiveUrl(std::string url) : text(std::move(url)) {
  const auto colon = text.find("://");
  if (colon == std::string::npos) return;
  scheme = text.substr(0, colon);
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  text.replace(0, colon, scheme);  // FFmpeg knows small letters only
  const auto begin = colon + 3;
  const auto end = std::min(text.find_first_of("/?#", begin), text.size());
  const auto at_sign = end == begin ? std::string::npos : text.rfind('@', end - 1);
  host_begin = at_sign != std::string::npos && at_sign >= begin ? at_sign + 1 : begin;
  if (host_begin < end && text[host_begin] == '[') {
    const auto bracket = std::min(text.find(']', host_begin), end);
    host = text.substr(host_begin + 1, bracket - host_begin - 1);
    host_end = std::min(bracket + 1, end);
  } else {
    host_end = std::min(text.find(':', host_begin), end);
    host = text.substr(host_begin, host_end - host_begin);
  }
}

std::string LiveUrl::at(const std::string& address) const {
  const bool v6 = address.find(':') != std::string::npos;
  return text.substr(0, host_begin) + (v6 ? "[" + address + "]" : address) + text.substr(host_end);
}

bool LiveUrl::may_use_address() const {
  return scheme == "rtsp" || scheme == "tcp" || scheme == "udp";
}

bool is_live_scheme(std::string_view scheme) {
  constexpr std::array<std::string_view, 6> kSchemes{"rtsp", "rtsps", "http", "https", "tcp", "udp"};
  return std::find(kSchemes.begin(), kSchemes.end(), scheme) != kSchemes.end();
}

}  // namespace freshframe
