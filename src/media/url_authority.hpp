// The authority of a URL: the user, the host and the port between "://" and the path (RFC 3986, section 3.2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace freshframe::media {

/// Positions in the text that was parsed. "user:se@cret@[::1]:554/a": the last '@' ends the user.
struct UrlAuthority {
  std::size_t begin = 0;
  std::size_t end = 0;                    // of the first '/', '?' or '#', or of the text
  std::optional<std::size_t> user_end{};  // of the '@'
  std::size_t host_begin = 0;             // brackets included
  std::size_t host_end = 0;
  bool bracketed = false;  // "[::1]"
};

/// `begin`: after the "://".
[[nodiscard]] UrlAuthority parse_authority(std::string_view url, std::size_t begin);

}  // namespace freshframe::media
