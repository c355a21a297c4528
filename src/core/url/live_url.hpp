// The parts of a network source's URL that decide how it is opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::core {

/// Example: "rtsp://user:secret@[::1]:8554/a" has the scheme "rtsp" and the host "::1".
struct LiveUrl {
  std::string text;
  std::string scheme;  // lower case
  std::string host;    // host name without brackets; may be empty
  std::size_t host_begin = 0;
  std::size_t host_end = 0;  // position after the host and its closing bracket, if any

  explicit LiveUrl(std::string url);

  /// Returns the URL with a numeric address instead of the host name.
  [[nodiscard]] std::string at(const std::string& address) const;
  /// Returns true if the host name may be replaced by its IP address. Not for HTTP, which sends the name to
  /// the server, nor for TLS, which verifies it.
  [[nodiscard]] bool may_use_address() const;
  /// Returns true if the port is not a number from 0 to 65535. Then it may be part of a password.
  [[nodiscard]] bool has_odd_port() const;
  /// Returns true if connections start with a TLS handshake.
  [[nodiscard]] bool is_over_tls() const;
};

/// Advice for a URL for which has_odd_port() is true.
inline constexpr std::string_view kEscapesOfPasswords =
    "in a user or a password, '/' is written as %2F, '?' as %3F, '#' as %23, '@' as %40 and ':' as %3A";

/// The schemes of live sources: "rtsp", "http" and so on.
[[nodiscard]] bool is_live_scheme(std::string_view scheme);
/// Returns true if some builds of FFmpeg do not support this scheme.
[[nodiscard]] bool is_optional_scheme(std::string_view scheme);
/// Returns the protocols that a server may make FFmpeg open, by a redirect or a playlist: the schemes of live
/// sources and the protocols that they use, but never local files. In the format of FFmpeg's whitelist.
[[nodiscard]] std::string followed_protocols();

}  // namespace freshframe::core
