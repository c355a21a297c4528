// The authority of a URL: the user, the host and the port between "://" and the path (RFC 3986, section 3.2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace freshframe::core {

/// Positions in the parsed text. In "user:se@cret@[::1]:554/a", the last '@' ends user and password.
struct UrlAuthority {
  std::size_t begin = 0;
  std::size_t end = 0;                    // place of the first '/', '?' or '#', or of the text's end
  std::optional<std::size_t> user_end{};  // place of the '@'
  std::size_t host_begin = 0;             // brackets included
  std::size_t host_end = 0;
  bool bracketed = false;  // "[::1]"
};

/// `begin`: after the "://".
[[nodiscard]] inline UrlAuthority parse_authority(std::string_view url, std::size_t begin) {
  UrlAuthority parts{.begin = begin};
  parts.end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto text = url.substr(0, parts.end);
  // Not in all of `url`, which may be a long text with thousands of URLs.
  const auto at = text.substr(begin).rfind('@');
  if (at != std::string_view::npos) parts.user_end = begin + at;
  parts.host_begin = parts.user_end ? *parts.user_end + 1 : begin;
  parts.bracketed = text.substr(parts.host_begin).starts_with('[');
  parts.host_end = parts.bracketed ? std::min(text.find(']', parts.host_begin), parts.end - 1) + 1
                                   : std::min(text.find(':', parts.host_begin), parts.end);
  return parts;
}

}  // namespace freshframe::core
