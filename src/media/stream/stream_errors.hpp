// The errors of network sources, in the same words whichever client reads the stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// A loop ends after this number of successive redirects. Each is a request, and all of RTSP are a connection, too.
inline constexpr int kMostRedirects = 5;
inline constexpr const char* kRedirectLoop = "the server redirects again and again";
inline constexpr const char* kPlaylistLoop = "its playlists name playlists again and again";

// Each `url` is without its password. All functions but host_text() throw a SourceError or a SourceTimeoutError.

/// "'camera.local'". A part of a password in place of the host, because a '/' was not written as %2F, is
/// masked in `url`, and is not shown here either.
[[nodiscard]] std::string host_text(const std::string& url, const std::string& host);

[[noreturn]] void throw_stopped(const std::string& url);
[[noreturn]] void throw_no_address_in_time(const std::string& url, const std::string& host, double seconds);
/// `why`: what did not happen in time; empty means it is not known.
[[noreturn]] void throw_not_opened(const std::string& url, double seconds, const std::string& why = {});
/// `why`: as for throw_not_opened().
[[noreturn]] void throw_no_video(const std::string& url, double seconds, const std::string& why = {});

}  // namespace freshframe::media
