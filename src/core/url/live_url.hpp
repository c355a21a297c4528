// The parts of a network source's URL that decide how it is opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::core {

/// "rtsp://user:secret@[::1]:8554/a": scheme "rtsp", host "::1".
struct LiveUrl {
  std::string text;
  std::string scheme;  // in small letters
  std::string host;    // without brackets; empty without one
  std::size_t host_begin = 0;
  std::size_t host_end = 0;  // brackets included

  explicit LiveUrl(std::string url);

  /// Returns the URL with a numeric address instead of the host's name.
  [[nodiscard]] std::string at(const std::string& address) const;
  /// Whether the name is needed only for its address. HTTP sends it to the server, TLS checks it.
  [[nodiscard]] bool may_use_address() const;
  /// Whether something else than a number of 0 to 65535 is in place of the port, such as a part of a password.
  [[nodiscard]] bool has_odd_port() const;
  /// Whether a connection begins with a handshake of TLS.
  [[nodiscard]] bool is_over_tls() const;
};

/// Advice about a URL with an odd port.
inline constexpr std::string_view kEscapesOfPasswords =
    "in a user or a password, '/' is written as %2F, '?' as %3F, '#' as %23, '@' as %40 and ':' as %3A";

/// The schemes of live sources: "rtsp", "http" and so on.
[[nodiscard]] bool is_live_scheme(std::string_view scheme);
/// Returns whether some builds of FFmpeg lack this scheme.
[[nodiscard]] bool is_optional_scheme(std::string_view scheme);
/// FFmpeg's list of the protocols that a server may make it open, by a redirect or a playlist: every scheme of a live
/// source and what these use, never a local file.
[[nodiscard]] std::string followed_protocols();

}  // namespace freshframe::core
