// The text of an HLS playlist, as far as it says when its pictures were taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// RFC 8216.
struct Playlist {
  struct Segment {
    std::string uri;
    std::optional<double> time;  // Unix time of its first picture, in seconds
  };
  bool is_master = false;  // it lists playlists
  std::vector<Segment> segments;
};

[[nodiscard]] Playlist parse_playlist(std::string_view text);

/// Unix time of "2026-11-22T19:10:00.250+01:00" (ISO 8601, as RFC 8216, 4.3.2.6 wants it); nullopt: it is
/// none, or has no time zone.
[[nodiscard]] std::optional<double> parse_date_time(std::string_view text);

/// Of the first of these URLs that is a segment of the playlist and has a time.
[[nodiscard]] std::optional<double> time_of_any(const Playlist& playlist,
                                                const std::vector<std::string>& urls);

}  // namespace freshframe::media
