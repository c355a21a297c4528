// Creates the errors of network sources, with the same wording for all clients.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// Redirects in a row before giving up. Each is a request, and for RTSP also a connection.
inline constexpr int kMostRedirects = 5;
inline constexpr const char* kRedirectLoop = "the server redirects again and again";
inline constexpr const char* kPlaylistLoop = "its playlists name playlists again and again";

// `url` must not contain the password. All functions but host_text() throw SourceError or SourceTimeoutError.

/// Returns "'camera.local'". If a '/' in the password was not escaped as %2F, the host may be part of the
/// password: it is then masked in `url`, and not shown here either.
[[nodiscard]] std::string host_text(const std::string& url, const std::string& host);

[[noreturn]] void throw_stopped(const std::string& url);
[[noreturn]] void throw_no_address_in_time(const std::string& url, const std::string& host, double seconds);
/// `why`: what did not happen in time; empty if unknown.
[[noreturn]] void throw_not_opened(const std::string& url, double seconds, const std::string& why = {});
/// `why`: see throw_not_opened().
[[noreturn]] void throw_no_video(const std::string& url, double seconds, const std::string& why = {});

}  // namespace freshframe::media
