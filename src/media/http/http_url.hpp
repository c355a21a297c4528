// Splits an HTTP URL into the parts that a request needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "media/http/authorization.hpp"

namespace freshframe::media {

/// "http://user:secret@Host/a?b#c": plain "http://Host/a?b#c", origin "http://host:80", path "/a?b".
struct HttpUrl {
  std::string plain;   // without credentials
  std::string origin;  // in lower case, always with a port
  std::string path;    // including the query, as in the request
  std::optional<Credentials> credentials;
};

/// Returns nullopt unless the scheme is http or https, possibly inside "crypto+http:".
[[nodiscard]] std::optional<HttpUrl> parse_http_url(std::string_view url);

/// Resolves a Location header relative to `base` (RFC 3986, section 5.2, without removing dot segments).
[[nodiscard]] std::string resolve_http_url(std::string_view base, std::string_view location);

}  // namespace freshframe::media
