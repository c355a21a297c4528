// Fetches live playlists for FFmpeg's demuxer, and returns one again only when it has changed.
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

/// Schedules playlist requests so that a new segment is found soon after it appears. Not thread-safe. Does no
/// I/O; all times are real times.
///
/// Note [Reloads]
///
/// Requesting a playlist once per segment finds each new segment half a segment late on average, forever: the
/// first request is made at a random moment of a segment. Segments appear at regular intervals, so the
/// schedule does a binary search for the moment at which they appear. It lies between a request whose answer
/// lacked the segment and one whose answer had it. Until such a pair is known, requests are an eighth of a
/// segment apart, at most eight more per connection. After that, each request is sent in the middle of the
/// interval and halves it. Once the interval is short, requests are sent at its end. This takes about five
/// requests for four segments.
///
/// The interval grows with each segment, to detect a server that publishes earlier than before. A late
/// segment does not affect the search for the next one; it is requested again, with waits that double up to
/// half a segment, as in RFC 8216 (6.3.4).
class ReloadSchedule {
 public:
  struct Answer {
    TimePoint asked{};
    TimePoint answered{};
    std::int64_t newest = 0;  // number of the newest segment
    double seconds = 0;       // duration of the newest segment
  };

  /// Returns true if the answer differs from the previous one.
  bool note(const Answer& answer);
  /// Call for an unusable answer: the next request is half a segment later.
  void note_failure(TimePoint now);
  /// Time of the next request; a past time means now.
  [[nodiscard]] TimePoint next() const noexcept { return next_; }

 private:
  void begin_schedule(const Answer& answer);
  void miss(const Answer& answer);
  void hit(const Answer& answer, std::int64_t count);

  std::optional<std::int64_t> newest_;
  double segment_ = 0;  // seconds
  bool found_ = false;  // a new segment has appeared since the schedule began
  // The next segment appears between these two times.
  TimePoint lower_{};
  TimePoint upper_{};
  std::optional<TimePoint> before_;  // lower_ before the current segment was found to be late
  double wait_ = 0;                  // seconds to wait after an answer without the segment
  TimePoint next_{};
};

/// FFmpeg's HLS demuxer reloads after the duration of the newest segment, then every half target duration.
/// Here it is given a short duration for the newest segment, so that it reloads immediately, and the request
/// waits for a ReloadSchedule instead. Not thread-safe.
class LivePlaylists {
 public:
  /// Opens the URL like FFmpeg. Returns 0 or FFmpeg's error.
  using Open = std::function<int(AVIOContext*& io)>;

  /// `grows`: shared by all connections to this server; set once a playlist has been seen to grow.
  LivePlaylists(Interrupt& interrupt, std::atomic<bool>& grows) : interrupt_(interrupt), grows_(grows) {}
  LivePlaylists(const LivePlaylists&) = delete;
  LivePlaylists& operator=(const LivePlaylists&) = delete;

  /// Call for an input that was opened, at `asked`. If it is a live playlist and `waits` (FFmpeg opens it
  /// again), remembers it. FFmpeg starts a complete playlist at its first segment, so a playlist that grew on
  /// an earlier connection and is complete now is passed on without its end until FFmpeg reloads it, to join
  /// at the newest segment. Returns 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int add(const std::string& url, AVIOContext& io, TimePoint asked, bool waits);
  /// Returns true if add() ended the connection because too many playlists listed playlists. Lists of lists
  /// are not valid HLS (RFC 8216, 4.3.4), and a list that contains itself never ends.
  [[nodiscard]] bool name_themselves() const noexcept { return masters_ > kMostMasters; }
  [[nodiscard]] bool knows(const std::string& url) const { return known_.contains(url); }
  /// Call for any other input, which may be a segment. It is attributed to the playlist in the same folder,
  /// since playlists in several folders may use the same segment names. For redirected playlists, and
  /// segments in other folders, only the names are compared.
  void note_opened(const std::string& url);
  /// Waits for an answer other than the last, unless that has segments that were not opened yet: FFmpeg
  /// reloads before each segment. Retries failed requests until interrupted (RFC 8216, 6.3.4). A restarted
  /// packager numbers segments from 0 again, for which FFmpeg would wait, so the numbering is continued. If
  /// not all earlier segments were read, or keys depend on the numbers, the connection ends instead. Returns
  /// 0 or FFmpeg's error. Throws std::bad_alloc.
  [[nodiscard]] int reload(const std::string& url, const Open& open, AVIOContext*& io);
  /// Call for any other input. If it is an fMP4 init section (EXT-X-MAP), it is remembered if `first`, and
  /// otherwise must be known: FFmpeg's demuxer ignores changed parameters, and decoding would produce
  /// garbage. Returns 0 or an error that ends the connection before the segment. Throws std::bad_alloc.
  [[nodiscard]] int check_map(const std::string& url, AVIOContext& io, bool first);
  /// Call for any other input. For a transport stream segment sets `video`, and remembers its PID and codec
  /// for the first one and if `first`. Later ones must match: FFmpeg's demuxer ignores another codec, and
  /// treats another PID as a different stream. Returns 0 or an error that ends the connection before the
  /// segment. Throws std::bad_alloc.
  [[nodiscard]] int check_video(AVIOContext& io, bool first, std::optional<TsVideo>& video);
  /// Returns true if check_video() ended the connection. Thread-safe.
  [[nodiscard]] bool has_other_video() const noexcept { return has_other_video_.load(); }
  /// Returns true if check_map() ended the connection. Thread-safe.
  [[nodiscard]] bool has_other_map() const noexcept { return has_other_map_.load(); }
  /// Returns true if reload() ended the connection because a playlist restarted. Thread-safe.
  [[nodiscard]] bool begin_again() const noexcept { return begin_again_.load(); }
  /// Returns true if the playlist has ended (EXT-X-ENDLIST), although it had no end at first.
  [[nodiscard]] bool are_over() const noexcept { return are_over_; }
  /// FFmpeg's error of the last request of reload(), or 0 if it succeeded. Thread-safe.
  [[nodiscard]] int trouble() const noexcept { return trouble_.load(); }
  /// See find_fault(): why a playlist has ended the connection, or an empty string. Thread-safe.
  [[nodiscard]] std::string fault() const { return is_faulty_ ? fault_ : std::string(); }
  /// Unix time of the first of these URLs that is a segment.
  [[nodiscard]] std::optional<double> find_time(const std::vector<std::string>& urls) const;

 private:
  static constexpr std::size_t kMost = 32;
  static constexpr int kMostMasters = 8;

  struct Known {
    ReloadSchedule schedule;
    std::string newest = {};              // URI of the playlist's newest segment
    bool is_read = false;                 // this segment was opened
    bool has_failed = false;              // the last request failed
    Playlist last = {};                   // the last valid playlist, with the server's numbers
    std::int64_t ahead = 0;               // FFmpeg's numbers minus the server's
    std::optional<TimePoint> stale = {};  // since when answers are outdated
  };

  [[nodiscard]] std::optional<std::string> ask(const Open& open, IoPtr& opened);
  [[nodiscard]] bool number_on(Known& known, Playlist& playlist, std::string& text);
  /// Returns true if the playlist is an outdated answer, which is ignored for a while.
  [[nodiscard]] static bool note_staleness(Known& known, const Playlist& playlist, TimePoint now);
  [[nodiscard]] bool note_fault(const Playlist& playlist);
  [[nodiscard]] static bool note(Known& known, const Playlist& playlist, TimePoint asked);
  [[nodiscard]] bool is_map(const std::string& url) const;

  std::string fault_;  // set before is_faulty_, and not changed afterwards
  std::atomic<bool> is_faulty_ = false;
  Interrupt& interrupt_;
  std::atomic<bool>& grows_;
  std::optional<Playlist> first_;                         // the first with segments
  std::map<std::string, std::vector<std::string>> maps_;  // URIs of init sections, by playlist URL
  std::set<std::size_t> known_maps_;                      // hashes of the init sections' bytes
  std::set<TsVideo> known_videos_;
  std::atomic<bool> has_other_map_ = false;
  std::atomic<bool> has_other_video_ = false;
  std::atomic<bool> begin_again_ = false;
  std::atomic<int> trouble_ = 0;
  bool are_over_ = false;
  std::map<std::string, Known> known_;  // by URL
  int masters_ = 0;                     // master playlists opened
};

}  // namespace freshframe::media
