// The playlists of a live stream on their way to FFmpeg's demuxer, which gets one again when it has changed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/io_text.hpp"
#include "media/stream/playlist.hpp"
#include "sources/network/filter/ts_filter.hpp"

namespace freshframe::media {

// When a playlist is asked for, so that a new segment is known soon after it is there.

/// Note [Reloads]: a reader that asks for a playlist once for each segment joins at any moment of a segment,
/// and then has every later one just as late: by half a segment on average, forever. Segments become
/// available at regular times, so one of these times is searched for. It lies between a request whose answer
/// did not have the segment and one whose answer had it. Before the first such pair is known, an eighth of a
/// segment lies between two requests, which is at most eight more requests for each connection. From then on
/// each request halves the span between the two, until it is short, and comes at its end: about five requests
/// for four segments. The span grows with every segment, so that a server that becomes quicker is noticed,
/// and one segment that was late says nothing of the next. A segment that does not come in time is asked for
/// again, with waits that double up to half a segment, which is RFC 8216's own (6.3.4). One thread, no I/O,
/// real time.
class ReloadSchedule {
 public:
  struct Answer {
    TimePoint asked{};
    TimePoint answered{};
    std::int64_t newest = 0;  // number of its newest segment
    double seconds = 0;       // length of this segment
  };

  /// Returns whether it differs from the one before.
  bool note(const Answer& answer);
  /// No answer that can be used: asks again after half a segment.
  void note_failure(TimePoint now);
  /// When to ask again; a past time: now.
  [[nodiscard]] TimePoint next() const noexcept { return next_; }

 private:
  void begin_schedule(const Answer& answer);
  void miss(const Answer& answer);
  void hit(const Answer& answer, std::int64_t count);

  std::optional<std::int64_t> newest_;
  double segment_ = 0;  // seconds
  bool found_ = false;  // an answer without a segment and one with it are known
  // The next segment becomes available between these two.
  TimePoint lower_{};
  TimePoint upper_{};
  std::optional<TimePoint> before_;  // the lower one, before the present segment was found to be late
  double wait_ = 0;                  // seconds after an answer without it
  TimePoint next_{};
};

/// FFmpeg's demuxer asks for a playlist again after the length of its newest segment, and then every half of the
/// target duration. So it is made to believe that the newest segment is short, and asks at once. The wait is here, by
/// a ReloadSchedule. One thread.
class LivePlaylists {
 public:
  /// Opens the URL as FFmpeg does: 0 or its error.
  using Open = std::function<int(AVIOContext*& io)>;

  /// `grows`: of all connections to this server: a playlist gets more segments.
  LivePlaylists(Interrupt& interrupt, std::atomic<bool>& grows) : interrupt_(interrupt), grows_(grows) {}
  LivePlaylists(const LivePlaylists&) = delete;
  LivePlaylists& operator=(const LivePlaylists&) = delete;

  /// An input that was opened, at `asked`. If it is a playlist to which segments will be added, remembers it
  /// where `waits`: FFmpeg opens it again. FFmpeg begins a complete playlist at its first segment. So a playlist
  /// that has grown on an earlier connection and is complete now loses its end, until FFmpeg asks again: then
  /// it is joined at its newest segment. 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int add(const std::string& url, AVIOContext& io, TimePoint asked, bool waits);
  /// Whether add() has ended the connection because too many playlists listed playlists. A list of lists is no HLS
  /// (RFC 8216, 4.3.4), and a list that lists itself has no end.
  [[nodiscard]] bool name_themselves() const noexcept { return masters_ > kMostMasters; }
  [[nodiscard]] bool knows(const std::string& url) const { return known_.contains(url); }
  /// Another input was opened: perhaps a segment. It belongs to the playlist in whose folder it is, where
  /// playlists of several folders have equal names for their segments. For a redirected playlist, and for a segment
  /// in another folder, only the names are compared.
  void note_opened(const std::string& url);
  /// Waits for another answer than the last one, unless there are segments in that which were not opened:
  /// FFmpeg asks before each segment. A request that fails is made again until FFmpeg is interrupted (RFC 8216,
  /// 6.3.4). A packager that was restarted counts its segments from 0 again. FFmpeg would wait for the old numbers, so it
  /// gets numbers that go on. If it has not read all segments before, or if they are parts of keys, the connection
  /// ends. 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int reload(const std::string& url, const Open& open, AVIOContext*& io);
  /// Another input was opened. If it has the parameters of fMP4 (EXT-X-MAP) and `first`, remembers them. Otherwise
  /// they must be known: FFmpeg's demuxer ignores others, and the decoder would make garbage of what follows. 0 or
  /// an error that ends the connection before their segment. Throws std::bad_alloc.
  [[nodiscard]] int check_map(const std::string& url, AVIOContext& io, bool first);
  /// Another input was opened. If it is a segment of a transport stream, remembers where it has its video if it is the
  /// first one, or `first`, and sets `video`. Later ones must have it there, too, with the same codec: FFmpeg's demuxer ignores
  /// another codec, and has another PID as another stream. 0 or an error that ends the connection before
  /// the segment. Throws std::bad_alloc.
  [[nodiscard]] int check_video(AVIOContext& io, bool first, std::optional<TsVideo>& video);
  /// Whether check_video() has ended the connection. Any thread.
  [[nodiscard]] bool has_other_video() const noexcept { return has_other_video_.load(); }
  /// Whether check_map() has ended the connection. Any thread.
  [[nodiscard]] bool has_other_map() const noexcept { return has_other_map_.load(); }
  /// Whether reload() has ended the connection because a playlist begins again. Any thread.
  [[nodiscard]] bool begin_again() const noexcept { return begin_again_.load(); }
  /// Whether the playlist has come to its end (EXT-X-ENDLIST) although it had none at first.
  [[nodiscard]] bool are_over() const noexcept { return are_over_; }
  /// FFmpeg's error of the last request of reload(), or 0 after an answer. Any thread.
  [[nodiscard]] int trouble() const noexcept { return trouble_.load(); }
  /// The encryption of a playlist that has ended the connection since FFmpeg cannot decrypt it, for messages, or nothing.
  /// Any thread.
  [[nodiscard]] std::string encryption() const { return is_encrypted_ ? encryption_ : std::string(); }
  /// Unix time of the first of these URLs that is a segment.
  [[nodiscard]] std::optional<double> find_time(const std::vector<std::string>& urls) const;

 private:
  static constexpr std::size_t kMost = 32;
  static constexpr int kMostMasters = 8;

  struct Known {
    ReloadSchedule schedule;
    std::string newest = {};              // URI of its newest segment
    bool is_read = false;                 // this segment was opened
    bool has_failed = false;              // the last answer
    Playlist last = {};                   // the last one without a failure, with the server's numbers
    std::int64_t ahead = 0;               // lead of FFmpeg's numbers over the server's numbers
    std::optional<TimePoint> stale = {};  // since when the answers are old ones
  };

  [[nodiscard]] std::optional<std::string> ask(const Open& open, IoPtr& opened);
  [[nodiscard]] bool number_on(Known& known, Playlist& playlist, std::string& text);
  /// Returns whether the playlist is an old answer, which is passed over for a while.
  [[nodiscard]] static bool note_staleness(Known& known, const Playlist& playlist, TimePoint now);
  [[nodiscard]] bool note_encryption(const Playlist& playlist);
  [[nodiscard]] static bool note(Known& known, const Playlist& playlist, TimePoint asked);
  [[nodiscard]] bool is_map(const std::string& url) const;

  std::string encryption_;  // set before is_encrypted_, and not changed after it
  std::atomic<bool> is_encrypted_ = false;
  Interrupt& interrupt_;
  std::atomic<bool>& grows_;
  std::optional<Playlist> first_;                         // the first one with segments
  std::map<std::string, std::vector<std::string>> maps_;  // URIs of parameters, by URL of the playlist
  std::set<std::size_t> known_maps_;                      // hashes of their bytes
  std::set<TsVideo> known_videos_;
  std::atomic<bool> has_other_map_ = false;
  std::atomic<bool> has_other_video_ = false;
  std::atomic<bool> begin_again_ = false;
  std::atomic<int> trouble_ = 0;
  bool are_over_ = false;
  std::map<std::string, Known> known_;  // by URL
  int masters_ = 0;                     // masters that were opened
};

}  // namespace freshframe::media
