// The parts of a network source's URL that decide how it is opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::media {

/// "rtsp://user:secret@[::1]:8554/a": scheme "rtsp", host "::1".
struct LiveUrl {
  std::string text;
  std::string scheme;  // in small letters
  std::string host;    // without brackets; empty when there is none
  std::size_t host_begin = 0;
  std::size_t host_end = 0;  // brackets included

  explicit LiveUrl(std::string url);

  /// Returns the URL with a numeric address instead of the host's name.
  [[nodiscard]] std::string at(const std::string& address) const;
  /// Whether the name is needed only for its address. HTTP sends it to the server, TLS checks it.
  [[nodiscard]] bool may_use_address() const;
  /// Whether a connection begins with a handshake of TLS.
  [[nodiscard]] bool is_over_tls() const;
};

/// The schemes of live sources: "rtsp", "http" and so on.
[[nodiscard]] bool is_live_scheme(std::string_view scheme);
/// Those of them that not every build of FFmpeg has.
[[nodiscard]] bool is_optional_scheme(std::string_view scheme);
/// FFmpeg's list of the protocols that a server may make it open, by a redirect or a playlist: every scheme of a live
/// source and what these use, never a local file.
[[nodiscard]] std::string followed_protocols();

}  // namespace freshframe::media
