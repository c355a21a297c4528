// The parts of a network source's URL that decide how it is opened.
// SPDX-License-Identifier: Apache-2.0
#include "core/url/live_url.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ascii.hpp"
#include "core/url/url_authority.hpp"

namespace freshframe::core {

LiveUrl::LiveUrl(std::string url) : text(std::move(url)) {
  const auto colon = text.find("://");
  if (colon == std::string::npos) return;
  scheme = lower_case(std::string_view(text).substr(0, colon));
  text.replace(0, colon, scheme);  // FFmpeg accepts only lower case
  const auto parts = parse_authority(text, colon + 3);
  host_begin = parts.host_begin;
  host_end = parts.host_end;
  host = text.substr(host_begin, host_end - host_begin);
  if (parts.bracketed) host = host.substr(1, host.find(']') - 1);
}

std::string LiveUrl::at(const std::string& address) const {
  const bool v6 = address.find(':') != std::string::npos;
  return text.substr(0, host_begin) + (v6 ? "[" + address + "]" : address) + text.substr(host_end);
}

bool LiveUrl::may_use_address() const {
  return scheme == "rtsp" || scheme == "tcp" || scheme == "udp";
}

bool LiveUrl::has_odd_port() const {
  constexpr long kLargestPort = 65535;
  const auto rest = std::string_view(text).substr(host_end);
  const auto port = rest.substr(0, rest.find_first_of("/?#"));
  if (port.size() < 2) return !port.empty() && port != ":";
  return port.front() != ':' || !all_digits(port.substr(1)) || !number_at(port.substr(1), kLargestPort);
}

bool LiveUrl::is_over_tls() const {
  return scheme == "https" || scheme == "rtsps" || scheme == "rtmps";
}

namespace {

constexpr std::array<std::string_view, 6> kSchemes{"rtsp", "rtsps", "http", "https", "tcp", "udp"};
constexpr std::array<std::string_view, 4> kOptionalSchemes{"rtmp", "rtmps", "srt", "rtp"};

}  // namespace

bool is_live_scheme(std::string_view scheme) {
  return std::find(kSchemes.begin(), kSchemes.end(), scheme) != kSchemes.end() || is_optional_scheme(scheme);
}

bool is_optional_scheme(std::string_view scheme) {
  return std::find(kOptionalSchemes.begin(), kOptionalSchemes.end(), scheme) != kOptionalSchemes.end();
}

std::string followed_protocols() {
  std::string list = "httpproxy,tls,crypto";
  for (const auto scheme : kSchemes) list.append(",").append(scheme);
  for (const auto scheme : kOptionalSchemes) list.append(",").append(scheme);
  return list;
}

}  // namespace freshframe::core
