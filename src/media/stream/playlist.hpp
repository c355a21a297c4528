// Parses HLS playlists, for timestamps and the newest segment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// RFC 8216.
struct Playlist {
  struct Segment {
    std::string uri;
    std::optional<double> time;  // Unix time of the segment's first frame, in seconds
  };
  bool is_playlist = false;  // starts with #EXTM3U
  bool is_master = false;    // lists other playlists
  bool is_over = false;      // complete: no segments will be added
  std::int64_t first = 0;    // media sequence number of the first segment
  double seconds = 0;        // duration of the last segment
  std::vector<Segment> segments;
  std::vector<std::string> maps;  // URIs of fMP4 init sections (EXT-X-MAP)
  std::string encryption = {};  // METHOD of the first key that FFmpeg cannot use, or what is unusual about it
  std::string odd_range = {};   // the first byte range that cannot be read
  bool decrypts_by_number = false;  // a segment's number is part of its key (RFC 8216, 5.2)

  [[nodiscard]] std::int64_t newest() const noexcept {
    return first + static_cast<std::int64_t>(segments.size()) - 1;
  }
};

[[nodiscard]] Playlist parse_playlist(std::string_view text);

/// Returns why FFmpeg would read bytes other than those that this playlist specifies, or an empty string;
/// continues a message after "cannot open: ".
[[nodiscard]] std::string find_fault(const Playlist& playlist);

/// Replaces the duration of the last segment, after which FFmpeg reloads the playlist.
[[nodiscard]] std::string with_last_duration(std::string_view text, std::string_view seconds);

/// Removes EXT-X-ENDLIST, as if segments would be added.
[[nodiscard]] std::string without_end(std::string_view text);

/// Replaces the number of the first segment.
[[nodiscard]] std::string with_first_number(std::string_view text, std::int64_t number);

/// How the numbering of a reloaded playlist continues.
enum class Numbering : std::uint8_t {
  Onward,
  Stale,  // an outdated answer, as from a cache
  Again   // other segments: the server restarted the numbering, which RFC 8216 forbids
};
[[nodiscard]] Numbering compare_numbering(const Playlist& next, const Playlist& last);

/// Parses "2026-11-22T19:10:00.250+01:00" (ISO 8601, see RFC 8216, 4.3.2.6) to Unix time. Returns nullopt for
/// other strings, and without a time zone.
[[nodiscard]] std::optional<double> parse_date_time(std::string_view text);

/// Returns true if the URL ends with this URI: "a/11.ts" does not match "1.ts".
[[nodiscard]] bool has_uri(std::string_view url, std::string_view uri);

/// Returns true if the URL belongs to this URI in the playlist's own folder. A playlist that was redirected
/// is in another folder than its URL says.
[[nodiscard]] bool is_beside(std::string_view url, std::string_view playlist, std::string_view uri);

/// Returns the time of the first of these URLs that is a segment with a time.
[[nodiscard]] std::optional<double> find_any_time(const Playlist& playlist,
                                                  const std::vector<std::string>& urls);

// Computes when a frame of a playlist was captured, by the server's clock.

/// Computes the Unix time of frames from that of the first frame, because FFmpeg's demuxer does not expose
/// EXT-X-PROGRAM-DATE-TIME. Timestamps increase across segments, so the first one is enough. Not thread-safe.
class ProgramTime {
 public:
  /// `first`: Unix time of the next packet with a timestamp.
  void begin_times(std::optional<double> first) noexcept { first_ = first; }
  /// Returns the wall-clock time for a timestamp in seconds. Call in decoding order.
  [[nodiscard]] std::optional<double> at(double time) noexcept;

 private:
  std::optional<double> first_;
  std::optional<double> offset_;
  double last_ = 0;
};

}  // namespace freshframe::media
