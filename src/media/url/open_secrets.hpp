// Tracks the secrets in open URLs, to mask them in server messages that contain them without the URL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// While this object exists, hide_secrets() masks the secrets of a URL. Owned by a connection.
class OpenSecrets {
 public:
  /// `key`: another secret of the URL that is not visible in its parts.
  explicit OpenSecrets(std::string_view url, std::string_view key = {});
  OpenSecrets(const OpenSecrets&) = delete;
  OpenSecrets& operator=(const OpenSecrets&) = delete;
  ~OpenSecrets();

 private:
  std::vector<std::string> kept_;
};

/// Replaces the secrets of all open URLs by "***". Thread-safe.
[[nodiscard]] std::string hide_secrets(std::string text);

}  // namespace freshframe::media
