// Splits RTSP URLs, and resolves the URLs in a server's description.
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
  std::string url;  // for requests, without credentials
  std::optional<Credentials> credentials;
};

/// Returns nullopt unless it is an rtsp:// URL with a host, a valid port, and credentials without control
/// characters.
[[nodiscard]] std::optional<Address> parse_address(std::string_view url);

/// Returns the base of relative URLs: Content-Base or Content-Location of the DESCRIBE response (which may be
/// empty or malformed), otherwise the request's URL.
[[nodiscard]] std::string base_url(std::string_view request, std::string_view content_base,
                                   std::string_view content_location);
/// Resolves the URL of "a=control:": an absolute URL, "*" or empty for the base, or a string to append to it.
/// (RFC 2326, C.1.1 refers to RFC 1808, which removes queries, but cameras have their channel there.)
[[nodiscard]] std::string control_url(const std::string& base, std::string_view control);

}  // namespace freshframe::media::rtsp
