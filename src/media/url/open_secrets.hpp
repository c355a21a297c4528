// The secrets of the URLs that are open, which the words of servers may repeat without the URL around them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// While it lives, hide_secrets() hides the secrets of a URL. A connection has one.
class OpenSecrets {
 public:
  /// `key`: a further secret of the URL, which its parts do not show.
  explicit OpenSecrets(std::string_view url, std::string_view key = {});
  OpenSecrets(const OpenSecrets&) = delete;
  OpenSecrets& operator=(const OpenSecrets&) = delete;
  ~OpenSecrets();

 private:
  std::vector<std::string> kept_;
};

/// Returns `text` with "***" instead of each secret of the URLs that are open. Any thread.
[[nodiscard]] std::string hide_secrets(std::string text);

}  // namespace freshframe::media
