// The playlists of a live stream on their way to FFmpeg's demuxer, which gets one again when it has changed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/network/playlist/playlist.hpp"
#include "media/network/playlist/reload_schedule.hpp"

namespace freshframe::media {

/// FFmpeg's demuxer asks for a playlist again after the length of its newest segment, and then each half of
/// the target duration. So it is told that the newest segment is short, and asks at once. The wait is here,
/// by a ReloadSchedule. One thread.
class LivePlaylists {
 public:
  /// Opens the URL as FFmpeg does: 0 or its error.
  using Open = std::function<int(AVIOContext*& io)>;

  explicit LivePlaylists(Interrupt& interrupt) : interrupt_(interrupt) {}
  LivePlaylists(const LivePlaylists&) = delete;
  LivePlaylists& operator=(const LivePlaylists&) = delete;

  /// An input that was opened, at `asked`. If it is a playlist to which segments will be added, remembers it
  /// where `waits`: FFmpeg opens it again. 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int add(const std::string& url, AVIOContext& io, TimePoint asked, bool waits);
  /// Whether so many listed playlists that add() has ended the connection. A list of lists is no HLS
  /// (RFC 8216, 4.3.4), and one that lists itself has no end.
  [[nodiscard]] bool name_themselves() const noexcept { return masters_ > kMostMasters; }
  [[nodiscard]] bool knows(const std::string& url) const { return known_.contains(url); }
  /// Another input was opened: perhaps a segment. It is that of the playlist in whose folder it is, where
  /// playlists of several folders have equal names for their segments. Of a redirected playlist, and of a
  /// segment in a folder of its own, only the names are compared.
  void note_opened(const std::string& url);
  /// Waits for another answer than the last one, unless there are segments in that which were not opened:
  /// FFmpeg asks before each segment. 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int reload(const std::string& url, const Open& open, AVIOContext*& io);
  /// Unix time of the first of these URLs that is a segment.
  [[nodiscard]] std::optional<double> time_of(const std::vector<std::string>& urls) const;

 private:
  static constexpr std::size_t kMost = 32;
  static constexpr int kMostMasters = 8;

  struct Known {
    ReloadSchedule schedule;
    std::string newest = {};  // URI of its newest segment
    bool is_read = false;     // this segment was opened
    bool has_failed = false;  // the last answer
  };

  [[nodiscard]] int fail(Known& known) const;
  [[nodiscard]] static bool note(Known& known, const Playlist& playlist, TimePoint asked);

  Interrupt& interrupt_;
  std::optional<Playlist> first_;       // that has segments
  std::map<std::string, Known> known_;  // by URL
  int masters_ = 0;                     // that were opened
};

}  // namespace freshframe::media
