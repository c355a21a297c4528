// The text of an HLS playlist, read for the times of its pictures and for its newest segment.
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
    std::optional<double> time;  // Unix time of its first picture, in seconds
  };
  bool is_playlist = false;  // it has the first line of one
  bool is_master = false;    // it lists playlists
  bool is_over = false;      // no segment follows
  std::int64_t first = 0;    // the number of the first segment
  double seconds = 0;        // length of the last segment
  std::vector<Segment> segments;
  std::vector<std::string> maps;  // URIs of the parameters of fMP4 (EXT-X-MAP)
  std::string encryption =
      {};  // of its first key that FFmpeg cannot use: its METHOD, or what is odd about it
  bool decrypts_by_number = false;  // a segment's number is a part of its key (RFC 8216, 5.2)

  [[nodiscard]] std::int64_t newest() const noexcept {
    return first + static_cast<std::int64_t>(segments.size()) - 1;
  }
};

/// For messages, after "it": why FFmpeg cannot read a playlist with this Playlist::encryption.
[[nodiscard]] std::string encryption_fault(std::string_view encryption);

[[nodiscard]] Playlist parse_playlist(std::string_view text);

/// The text with another length of its last segment. FFmpeg waits for that length until it asks for the
/// playlist again.
[[nodiscard]] std::string with_last_duration(std::string_view text, std::string_view seconds);

/// The text without EXT-X-ENDLIST, as if segments followed.
[[nodiscard]] std::string without_end(std::string_view text);

/// The text with another number of its first segment.
[[nodiscard]] std::string with_first_number(std::string_view text, std::int64_t number);

/// How the numbers of a playlist go on in its next answer.
enum class Numbering : std::uint8_t {
  Onward,
  Stale,  // an answer of some time ago, as caches give
  Again   // other segments: the server has begun to count again (RFC 8216 does not allow it)
};
[[nodiscard]] Numbering compare_numbering(const Playlist& next, const Playlist& last);

/// Unix time of "2026-11-22T19:10:00.250+01:00" (ISO 8601, as RFC 8216, 4.3.2.6 wants it); nullopt means it is
/// something else, or has no time zone.
[[nodiscard]] std::optional<double> parse_date_time(std::string_view text);

/// Whether the URL belongs to a segment with this URI: "a/11.ts" does not belong to "1.ts".
[[nodiscard]] bool has_uri(std::string_view url, std::string_view uri);

/// Whether the URL belongs to this URI in the playlist's own folder. A playlist that was redirected is in
/// another folder than its URL says.
[[nodiscard]] bool is_beside(std::string_view url, std::string_view playlist, std::string_view uri);

/// The time of the first of these URLs that is a segment of the playlist and has a time.
[[nodiscard]] std::optional<double> find_any_time(const Playlist& playlist,
                                                  const std::vector<std::string>& urls);

// When the first picture of a playlist was taken, by the server's clock.

/// The Unix time of a stream's pictures, from its first picture's: FFmpeg's demuxer does not report
/// EXT-X-PROGRAM-DATE-TIME. Later segments have later times of the stream, so the first one is enough. One thread.
class ProgramTime {
 public:
  /// `first`: Unix time of the next packet that has a time.
  void begin_times(std::optional<double> first) noexcept { first_ = first; }
  /// The wall time of a packet with this time of the stream, in seconds and in the order of decoding.
  [[nodiscard]] std::optional<double> at(double time) noexcept;

 private:
  std::optional<double> first_;
  std::optional<double> offset_;
  double last_ = 0;
};

}  // namespace freshframe::media
