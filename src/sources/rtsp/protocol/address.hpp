// The parts of an RTSP URL, and the URLs that a server's description refers to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "media/http/authorization.hpp"

namespace freshframe::media::rtsp {

inline constexpr int kDefaultPort = 554;

struct Address {
  std::string host;  // without brackets
  int port = kDefaultPort;
  std::string url;  // for requests: without credentials
  std::optional<Credentials> credentials;
};

/// Returns nullopt if it is no rtsp:// URL with a host, a possible port, and credentials without control
/// characters.
[[nodiscard]] std::optional<Address> parse_address(std::string_view url);

/// The URL that relative ones continue: Content-Base or Content-Location of the answer to DESCRIBE (either
/// may be empty or odd), or else the request's URL.
[[nodiscard]] std::string base_url(std::string_view request, std::string_view content_base,
                                   std::string_view content_location);
/// The URL of "a=control:": absolute, "*" or empty for the base itself, or what is appended to it, as servers
/// mean it. (RFC 2326, C.1.1 means RFC 1808, which removes queries: cameras have their channel there.)
[[nodiscard]] std::string control_url(const std::string& base, std::string_view control);

}  // namespace freshframe::media::rtsp
